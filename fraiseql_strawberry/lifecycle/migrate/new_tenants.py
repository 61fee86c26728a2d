"""What new tenants are copied from is brought to head before any tenant is."""

from __future__ import annotations

from ...config import Config
from ..administrator import Administrator
from ..control import service_role
from ..schema_template import SchemaTemplates
from .alembic_migrations import AlembicMigrations
from .connecting import open_driver
from .rules import migrator_url
from .texts import PLACES_QUERIES

__all__ = ["refresh_template"]


async def refresh_template(config: Config) -> bool:
    """Make a new template where the one that is there is not at head.

    Templates are swapped and never changed: a tenant may be copied from one at this very moment.

    Args:
        config: The configuration.

    Returns:
        Whether a new one was made.

    Raises:
        SetupError: A copy of the new template would differ from it; the old one stays in use.
    """
    if config.multitenancy.strategy != "schema" or config.database.admin_url is None:
        return False
    async with open_driver(migrator_url(config)) as driver:
        if not await driver.fetchval(PLACES_QUERIES["has_templates"]):
            return False
    migrations = AlembicMigrations(config)
    administrator = Administrator.of(config)
    try:
        templates = SchemaTemplates(administrator, service_role(config), config.migrations.owner)
        async with administrator.transaction() as transaction:
            current = await templates.current(transaction.driver)
        if current is None or current.revision == await migrations.head():
            return False
        await templates.build(migrations)
        return True
    finally:
        await administrator.close()

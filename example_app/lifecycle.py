"""What work on whole tenants needs: the library's control schema, and a record of each tenant."""

from __future__ import annotations

from example_app.app import CONFIG
from example_app.contents import sql
from example_app.urls import Urls
from fraiseql_strawberry.config import load_config, with_overrides
from fraiseql_strawberry.lifecycle import apply_control_schema
from fraiseql_strawberry.lifecycle.administrator import Administrator

__all__ = ["prepare_lifecycle"]


async def prepare_lifecycle(urls: Urls) -> None:
    """What `fraiseql-strawberry init --apply` does: provision_tenant writes there.

    Args:
        urls: A blog that is there; this may run again at each of its starts.
    """
    environment = {
        "DATABASE_URL": urls.app_url,
        "ADMIN_DATABASE_URL": urls.admin_url,
        "REGISTRY_DATABASE_URL": urls.app_url,
    }
    config = load_config(CONFIG, environment)
    config = with_overrides(config, {"multitenancy": {"strategy": urls.strategy}})
    administrator = Administrator.of(config)
    try:
        await apply_control_schema(config, administrator)
        if urls.strategy == "database":
            async with administrator.transaction() as transaction:
                await transaction.driver.execute(sql("control/adopt"))
    finally:
        await administrator.close()

"""The control schema `fraiseql`: made and brought to this version's shape by `init --apply`."""

from __future__ import annotations

import asyncpg
from sqlalchemy import make_url

from ..config import Config
from ..errors import ConfigError
from ..registry import ANNOUNCE_CHANGES
from .administrator import Administrator, Driver
from .queries import read_sql

__all__ = ["apply_control_schema", "service_role"]

_SETTINGS = (
    "SELECT set_config('fraiseql.id_type', $1, true), set_config('fraiseql.service_role', $2, true)"
)
_REGISTRY = (
    "SELECT set_config('fraiseql.registry_table', $1, true), "
    "set_config('fraiseql.registry_reader', $2, true)"
)
_SILENT = "SELECT to_regprocedure('fraiseql.announce_changes(regclass)') IS NULL"


async def apply_control_schema(config: Config, administrator: Administrator) -> None:
    """Make `fraiseql.tenants` and what stands beside it, or add what an older version lacks.

    It may run again at any time, and in several processes at once. No row is changed.

    Args:
        config: Says of which form ids are and which role serves requests; that role may read
            `fraiseql.tenants` afterwards, and nothing else of it.
        administrator: Whose connection is used.

    Raises:
        ServiceUnavailable: When the database cannot be reached.
    """
    async with administrator.transaction(lock="control") as transaction:
        driver = transaction.driver
        await driver.execute(_SETTINGS, config.multitenancy.id_type, service_role(config) or "")
        await driver.execute(read_sql("control"))
        if await driver.fetchval(_SILENT):
            await driver.execute(ANNOUNCE_CHANGES)
        await driver.execute(read_sql("control_announced"))
        if config.multitenancy.strategy == "database":
            await _prepare_registry(config, driver)


async def _prepare_registry(config: Config, driver: Driver) -> None:
    """The routing table, with the columns by which a tenant is refused."""
    routing = config.multitenancy.routing
    url = routing.registry_url or config.database.url
    reader = "" if url is None else make_url(url.reveal()).username or ""
    await driver.execute(_REGISTRY, routing.registry_table, reader)
    try:
        await driver.execute(read_sql("control_registry"))
    except asyncpg.InvalidSchemaNameError as error:
        raise ConfigError(
            f"[multitenancy.routing] registry_table = {routing.registry_table!r}: there is no "
            "schema on the administrator's search_path that it may make it in",
            hint='Write the schema as well: "fraiseql.tenant_databases"',
        ) from error


def service_role(config: Config) -> str | None:
    """The role that the service connects as, or None when the configuration does not say."""
    url = config.database.url
    return None if url is None else make_url(url.reveal()).username

"""What env.py does under Alembic's own commands: `alembic upgrade`, `revision --autogenerate`."""

from __future__ import annotations

import asyncio
import logging.config
import os
from pathlib import Path
from typing import Any

from alembic.runtime.environment import EnvironmentContext
from sqlalchemy import Connection

from ..config import Config, load_config
from ..errors import SetupError
from ..lifecycle.migrate.connecting import connect, open_driver
from ..lifecycle.migrate.fleet import Fleet, open_fleet
from ..lifecycle.migrate.places import Place, Selection
from ..lifecycle.migrate.visit import changes_something, configure_offline, migrate_in_place
from ..tenant import canonical_tenant_id

__all__ = ["visit_of_command"]

_CONFIG = "fraiseql.toml"


def visit_of_command(
    environment: EnvironmentContext, metadata: Any, options: dict[str, Any]
) -> None:
    """Do what the command is for, in one place.

    Under row isolation there is one. Else `-x tenant=ID` names it, or `-x schema=NAME`; commands
    that change nothing look at the first tenant's without it.

    Raises:
        SetupError: It is not known which place is meant.
    """
    _configure_logging(environment)
    settings = environment.get_x_argument(as_dictionary=True)
    config = _read_config(environment, settings.get("config"))
    fleet = open_fleet(config)
    if environment.is_offline_mode():
        configure_offline(environment, fleet.rules, metadata, options)
        with environment.begin_transaction():
            environment.run_migrations()
        return
    asyncio.run(_visit(environment, config, fleet, settings, metadata, options))


async def _visit(
    environment: EnvironmentContext,
    config: Config,
    fleet: Fleet,
    settings: dict[str, str],
    metadata: Any,
    options: dict[str, Any],
) -> None:
    place = await _place(environment, config, fleet, settings)

    def go(connection: Connection) -> None:
        migrate_in_place(environment, connection, place, fleet.rules, metadata, options)

    async with connect(place.url) as connection:
        await connection.run_sync(go)


async def _place(
    environment: EnvironmentContext, config: Config, fleet: Fleet, settings: dict[str, str]
) -> Place:
    named = settings.get("tenant")
    tenant = None
    if named is not None:
        tenant = canonical_tenant_id(named, config.multitenancy.id_type)
        if tenant is None:
            raise SetupError(f"-x tenant={named}: that is no {config.multitenancy.id_type}")
    async with open_driver(fleet.control) as control:
        selection = Selection((tenant,)) if tenant is not None else Selection()
        places = await fleet.places(control, selection)
    if fleet.rules.strategy == "schema" and (schema := settings.get("schema")):
        return Place(schema, fleet.control, schema, schema)
    if fleet.rules.strategy != "row" and tenant is None and changes_something(environment):
        raise SetupError(
            "which tenant? `fraiseql-strawberry migrate` brings all of them to head; "
            "`alembic -x tenant=ID …` does something to one"
        )
    if not places:
        raise SetupError(
            "there is no tenant with tables to look at: make one, or name a schema with "
            "-x schema=NAME"
        )
    return places[0]


def _read_config(environment: EnvironmentContext, named: str | None) -> Config:
    path = named or os.environ.get("FRAISEQL_CONFIG")
    if path is not None:
        return load_config(path)
    beside = environment.config.config_file_name
    folders = [Path.cwd(), *([Path(beside).absolute().parent] if beside else ())]
    for folder in folders:
        if (folder / _CONFIG).is_file():
            return load_config(folder / _CONFIG)
    return Config.from_env()


def _configure_logging(environment: EnvironmentContext) -> None:
    """The `[loggers]` of alembic.ini, where it has any; who called Alembic keeps its own."""
    path = environment.config.config_file_name
    if path is not None and environment.config.file_config.has_section("loggers"):
        logging.config.fileConfig(path, disable_existing_loggers=False)

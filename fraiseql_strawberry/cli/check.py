"""`check`: whether the database keeps tenants apart, rule by rule."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..check import Facts, Finding, Severity, as_fix_sql, as_json, as_sarif, check_connection
from ..config import Config
from ..errors import ServiceUnavailable
from .options import AsJson, ConfigPath, read_config
from .terminal import console, print_json

__all__ = ["check", "connect"]

_COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def check(
    config: ConfigPath = None,
    as_data: AsJson = False,
    fix_sql: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the SQL that mends it all there.")
    ] = None,
    sarif: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a SARIF report for code hosts.")
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE[:OBJECT]",
            help="Leave a finding out. With a reason it belongs in [check] ignore.",
        ),
    ] = None,
    fail_on: Annotated[
        Severity, typer.Option(help="The least severity that makes the exit code 1.")
    ] = Severity.ERROR,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="CHECK_DATABASE_URL",
            help="The database, as the application role; [database] url by default.",
        ),
    ] = None,
) -> None:
    """Look for what lets one tenant see another's rows, in the live database.

    It connects as the application role and only reads the catalog. Policies are matched by their
    text, which is a hint; `prove` attacks them.
    """
    settings = read_config(config)
    if ignore:
        reasons = (*settings.check.ignore, *(f"{key} by --ignore" for key in ignore))
        settings = replace(settings, check=replace(settings.check, ignore=reasons))
    url = database or settings.require_database_url().reveal()
    facts, found = asyncio.run(_look(settings, url))
    if fix_sql is not None:
        fix_sql.write_text(as_fix_sql(found), encoding="utf-8")
    if sarif is not None:
        report = as_sarif(found, version("fraiseql-strawberry"))
        sarif.write_text(json.dumps(report, indent=2), encoding="utf-8")
    if as_data:
        print_json(as_json(facts, found))
    else:
        show(facts, found, settings, console())
    if any(one.severity.rank <= fail_on.rank for one in found):
        raise typer.Exit(1)


async def _look(config: Config, url: str) -> tuple[Facts, list[Finding]]:
    connection = await connect(config, url)
    try:
        return await check_connection(config, connection)
    finally:
        await connection.close()


async def connect(config: Config, url: str) -> asyncpg.Connection[Any]:
    """A connection as the application's own are.

    Args:
        config: For the timeouts.
        url: The application role's URL.

    Raises:
        ServiceUnavailable: When the database cannot be reached.
    """
    settings = {"application_name": "fraiseql-check"}
    if config.database.pooler == "none":
        settings["statement_timeout"] = str(config.database.statement_timeout_ms)
    try:
        return await asyncpg.connect(
            url.replace("postgresql+asyncpg://", "postgresql://", 1),
            server_settings=settings,
            timeout=10,
            statement_cache_size=0,
        )
    except (OSError, asyncpg.PostgresError) as error:
        raise ServiceUnavailable(
            hint=f"the database cannot be reached: {type(error).__name__}"
        ) from error


def show(facts: Facts, found: list[Finding], config: Config, out: Console) -> None:
    """Print a table for people, and what was looked at.

    Args:
        facts: What was looked at.
        found: What is wrong.
        config: For the strategy, and what is ignored.
        out: Where to.
    """
    server = facts.server
    out.print(
        f"{server.database} on PostgreSQL {server.version_text}, as {server.role}: "
        f"{len(facts.tables)} tables, strategy {config.multitenancy.strategy}"
    )
    if found:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for column in ("", "rule", "object", "what", "mend it with"):
            table.add_column(column, overflow="fold")
        for one in found:
            label = Text(one.severity.value, style=_COLOURS[one.severity])
            cells = (one.rule.id, one.object, one.message, one.fix)
            table.add_row(label, *map(Text, cells))
        out.print(table)
    for key, reason in config.check.ignored.items():
        out.print(Text(f"ignored: {key}: {reason}", style="dim"))
    counts = ", ".join(f"{sum(f.severity is s for f in found)} {s.value}s" for s in Severity)
    out.print(counts if found else "Nothing to mend.")

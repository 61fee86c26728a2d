"""`init --apply`: the tables that the lifecycle of tenants needs, in the control database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer

from ..lifecycle import apply_control_schema
from ..lifecycle.administrator import Administrator
from .options import read_config
from .terminal import print_json

__all__ = ["apply"]


def apply(config: Path | None, *, as_json: bool) -> None:
    """Make or upgrade the schema `fraiseql` in the database of `[database] admin_url`.

    Args:
        config: What `--config` says.
        as_json: Whether to print JSON.
    """
    settings = read_config(config)

    async def run() -> str:
        administrator = Administrator.of(settings)
        try:
            await apply_control_schema(settings, administrator)
            return administrator.database
        finally:
            await administrator.close()

    database = asyncio.run(run())
    if as_json:
        print_json({"database": database, "schema": "fraiseql"})
    else:
        typer.echo(f"the schema fraiseql of the database {database} is of this version")

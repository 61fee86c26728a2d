"""`seal`: the keys that tenants are sealed with."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ..config import Config
from ..config.duration import duration_ms
from ..config.rules import RuleError
from ..errors import SetupError
from ..lifecycle.seal_keys import SealKey, list_seal_keys, rotate_seal_key
from .options import AsJson, ConfigPath, read_config
from .terminal import console, print_json

__all__ = ["seal"]

_PREFIX = "fraiseql-strawberry seal"

seal = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help='Make and rotate the keys of [multitenancy] setting = "sealed".',
    epilog="It connects with [database] admin_url. No key is ever printed.",
)


@seal.command(epilog=f"Example: `{_PREFIX} rotate --keep 1h`")
def rotate(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Where the new key goes; [multitenancy.seal] key_file by default.",
        ),
    ] = None,
    keep: Annotated[
        str, typer.Option(metavar="TIME", help="How long seals of older keys are believed.")
    ] = "1d",
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Make a new key, tell PostgreSQL, and write it to a file; the old one stays good for a while.

    A service with `key_file` seals with the new key within a second. One with `key` is to be
    started again with it before --keep is over.
    """
    settings = _sealed(config)
    try:
        seconds = duration_ms(keep) / 1000
    except RuleError as error:
        raise SetupError(f"--keep {error.message}") from None
    named = settings.multitenancy.seal.key_file
    if output is None and named is None:
        raise SetupError(
            "say where the new key goes: --output FILE, or [multitenancy.seal] key_file"
        )
    file = output or Path(named or "")
    made = asyncio.run(rotate_seal_key(settings, file, keep=seconds))
    if as_json:
        print_json({**_as_json(made), "file": str(file)})
        return
    typer.echo(f"wrote the key {made.id} to {file}; older ones are good for {keep}")
    if output is not None and named is None:
        typer.echo("Start the service again with it before that is over.")


@seal.command("list", epilog=f"Example: `{_PREFIX} list --json`")
def list_(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """List the keys that PostgreSQL knows, by their names."""
    keys = asyncio.run(list_seal_keys(_sealed(config)))
    if as_json:
        print_json([_as_json(key) for key in keys])
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("key", "made", "retires"):
        table.add_column(column)
    for key in keys:
        table.add_row(key.id, _said(key.made_at), _said(key.retires_at))
    console().print(table)


def _sealed(config: Path | None) -> Config:
    settings = read_config(config)
    if not settings.multitenancy.sealed:
        raise SetupError('tenants are not sealed: set [multitenancy] setting = "sealed" first')
    return settings


def _as_json(key: SealKey) -> dict[str, Any]:
    return {
        "key": key.id,
        "made_at": key.made_at.isoformat(),
        "retires_at": key.retires_at.isoformat() if key.retires_at else None,
    }


def _said(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else "-"

"""Opens the deployment for one command, and asks before something is lost."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from ...errors import SetupError
from ...lifecycle import Tenants
from ...tenancy import Tenancy
from ..options import read_config

__all__ = ["TenantArgument", "Yes", "confirmed", "with_tenants"]

T = TypeVar("T")

TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's id.")]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def with_tenants(config: Path | None, work: Callable[[Tenants], Awaitable[T]]) -> T:
    """Run the work of a command.

    Args:
        config: What `--config` says.
        work: The work; it is given `tenancy.tenants`. Requests are not served meanwhile.

    Returns:
        What the work returned.
    """
    tenancy = Tenancy(read_config(config))

    async def run() -> T:
        try:
            return await work(tenancy.tenants)
        finally:
            await tenancy.tenants.close()

    return asyncio.run(run())


def confirmed(question: str, *, wanted: str, yes: bool) -> None:
    """Go on only when somebody has typed what is wanted, or has said `--yes`.

    Args:
        question: What will be lost.
        wanted: What is to be typed.
        yes: Whether `--yes` was said.

    Raises:
        SetupError: Nobody is there to answer.
        Exit: Something else was typed: nothing was done, which is code 1.
    """
    if yes:
        return
    if not _somebody_is_there():
        raise SetupError(f"{question} Nobody is there to answer: say --yes")
    typer.echo(question, err=True)
    answer: str = typer.prompt(f"Type {wanted} to go on", default="", show_default=False, err=True)
    if answer.strip() != wanted:
        typer.echo("Nothing was done.", err=True)
        raise typer.Exit(1)


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()

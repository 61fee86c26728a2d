"""Between the first wave and the rest: a check, or a question."""

from __future__ import annotations

import asyncio
import sys

import typer

from ...errors import SetupError
from ...lifecycle.migrate.report import Report
from ...lifecycle.migrate.runner import Gate
from .progress import RunProgress

__all__ = ["gate"]


def gate(check: str | None, *, yes: bool, progress: RunProgress) -> Gate:
    """What is asked after the canary wave.

    Args:
        check: A command for the shell; exit code 0 means to go on.
        yes: Whether nobody is to be asked.
        progress: Gives way to questions.

    Raises:
        SetupError: There is nobody to ask.
    """
    if check is None and not yes and not sys.stdin.isatty():
        raise SetupError(
            "--canary needs --check COMMAND, or --yes, where there is no terminal to ask at"
        )

    async def ask(report: Report) -> bool:
        done = len(report.migrated)
        if check is not None:
            progress.pause()
            typer.echo(f"{done} migrated; running {check}", err=True)
            process = await asyncio.create_subprocess_shell(check)
            code = await process.wait()
            typer.echo(f"{check} ended with code {code}", err=True)
            progress.resume()
            return code == 0
        if yes:
            return True
        progress.pause()
        answer = await asyncio.to_thread(
            typer.confirm, f"{done} migrated. Go on with the rest?", err=True
        )
        progress.resume()
        return answer

    return ask

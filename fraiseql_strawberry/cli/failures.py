"""How a command that cannot do its work ends: one message on stderr, and a code for scripts."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import TyperGroup

from ..config import redact_url
from ..errors import (
    BadUserInput,
    ConfirmationRefused,
    SetupError,
    TenancyError,
    TenantNotFound,
)

__all__ = ["FAILED", "MISTAKEN", "CommandFailed", "Commands", "code_of", "redacted"]

FAILED = 1
"""The exit code when the command was right and its work failed: the database is down, for one."""

MISTAKEN = 2
"""The exit code of a mistake in the call, the configuration or the schema."""

_MISTAKES = (SetupError, BadUserInput, TenantNotFound, ConfirmationRefused)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>`]+")


class CommandFailed(TenancyError):
    """The command was right, and its work failed."""


def code_of(error: BaseException) -> int:
    """The exit code that an expected error means."""
    return MISTAKEN if isinstance(error, _MISTAKES) else FAILED


def redacted(text: str) -> str:
    """A text that somebody else wrote, with the passwords of all URLs in it masked."""
    return _URL.sub(lambda url: redact_url(url[0]), text)


class Commands(TyperGroup):
    """A group of commands whose expected errors end without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was called."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # `… | head`: typer ends it quietly
            raise
        except (SetupError, TenancyError, OSError) as error:
            label = typer.style("error:", fg=typer.colors.RED, bold=True)
            typer.echo(f"{label} {redacted(_text(error))}", err=True)
            raise typer.Exit(code_of(error)) from error


def _text(error: SetupError | TenancyError | OSError) -> str:
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        return f"{error.filename}: {reason}" if error.filename else reason
    return str(error)

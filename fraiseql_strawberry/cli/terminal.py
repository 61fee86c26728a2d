"""What goes where: results to stdout, for people or for machines; the rest to stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer
from rich.console import Console

__all__ = ["console", "print_json", "warn"]

_WIDE = 10_000


def console() -> Console:
    """Where trees and tables go.

    A terminal wraps lines itself, at its right edge; a file or a pipe gets each line whole, so
    that an SQL statement can be searched and pasted.
    """
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDE, highlight=False)


def print_json(value: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def warn(text: str) -> None:
    """Say what should be known, beside the result."""
    label = typer.style("warning:", fg=typer.colors.YELLOW, bold=True)
    typer.echo(f"{label} {text}", err=True)

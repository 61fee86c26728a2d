"""The group `migrate`: without a command it migrates."""

from __future__ import annotations

import typer

from .drift import drift
from .init import init
from .run import run
from .status import status

__all__ = ["migrate"]

migrate = typer.Typer(
    rich_markup_mode="markdown",
    epilog="Example: `fraiseql-strawberry migrate --canary 10 --check ./smoke.sh`",
)

_EXAMPLES = {
    drift: "fraiseql-strawberry migrate drift --tag enterprise",
    init: "fraiseql-strawberry migrate init",
    status: "fraiseql-strawberry migrate status --json",
}

migrate.callback(invoke_without_command=True)(run)
for _command, _example in _EXAMPLES.items():
    migrate.command(epilog=f"Example: `{_example}`")(_command)

"""What `migrate` is where Alembic is not installed."""

from __future__ import annotations

import typer

from ...errors import SetupError

__all__ = ["migrate"]

migrate = typer.Typer(help="Bring all tenants to head (needs Alembic).")


@migrate.callback(
    invoke_without_command=True,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def refuse() -> None:
    """Bring the tables of every tenant to the newest revision; Alembic is not installed."""
    raise SetupError('migrate needs Alembic: pip install "fraiseql-strawberry[migrations]"')

"""Options of `migrate` and its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from ...config import Config
from ...lifecycle.migrate.places import Selection
from ..options import read_tenant

__all__ = ["Recheck", "Tags", "Tenants", "read_selection"]

Tenants = Annotated[
    list[str] | None,
    typer.Option("--tenant", metavar="ID", help="Only this tenant; may be given several times."),
]

Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", help="Only tenants with this tag; several: any of them."),
]

Recheck = Annotated[
    bool,
    typer.Option(
        "--recheck",
        help="Ask each database for its revision; else the ledger is believed, where each tenant "
        "has a database of its own.",
    ),
]


def read_selection(config: Config, tenants: list[str] | None, tags: list[str] | None) -> Selection:
    """The tenants that are meant.

    Raises:
        SetupError: An id is not of the form that `id_type` names.
    """
    ids = tuple(read_tenant(text, config) for text in tenants or ())
    return Selection(ids, tuple(tags or ()))

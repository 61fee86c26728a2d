"""`fraiseql-strawberry schema`: the GraphQL schema as text."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import AsJson
from .target import load_schema
from .terminal import print_json

__all__ = ["schema"]


def schema(
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODULE[:ATTRIBUTE]",
            help="A module of decorated fields, or where a strawberry.Schema is.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Print the GraphQL schema in the schema definition language (SDL)."""
    sdl = load_schema(target).as_str()
    if as_json:
        print_json({"sdl": sdl})
    else:
        typer.echo(sdl)

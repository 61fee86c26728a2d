"""Strawberry input types made of data, in two steps so that they may refer to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import strawberry

from .meaning import MEANING, Meaning

__all__ = ["InputField", "fill", "shell"]


@dataclass(frozen=True, slots=True)
class InputField:
    """A field that a client may leave out.

    Args:
        python_name: Its name in Python.
        annotation: What it takes.
        meaning: What it stands for.
        graphql_name: Its name in GraphQL, where Strawberry would make another one.
        description: What clients read of it.
    """

    python_name: str
    annotation: Any
    meaning: Meaning
    graphql_name: str | None = None
    description: str | None = None


def shell(name: str) -> type[Any]:
    """A class to refer to, which `fill` makes a type."""
    return type(name, (), {"__module__": __name__})


def fill(
    cls: type[Any],
    fields: Sequence[InputField],
    *,
    name: str,
    description: str,
    one_of: bool = False,
) -> type[Any]:
    """Make a shell a Strawberry input type.

    Args:
        cls: The shell.
        fields: Its fields, all of which may be left out.
        name: Its GraphQL name.
        description: What clients read of it.
        one_of: Whether a value has exactly one of them.

    Returns:
        The same class.
    """
    cls.__annotations__ = {field.python_name: field.annotation | None for field in fields}
    for field in fields:
        made = strawberry.field(
            name=field.graphql_name,
            description=field.description,
            default=strawberry.UNSET,
            metadata={MEANING: field.meaning},
        )
        setattr(cls, field.python_name, made)
    return strawberry.input(cls, name=name, description=description, one_of=one_of)

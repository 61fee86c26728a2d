"""The fields of a generated aggregate: what each stands for, and where its value is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import strawberry
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from ..sql.plan import Function
from ..sql.scalars import Scalar

__all__ = ["ROWS", "Part", "PartField", "PartKind", "PartMeaning", "part_type"]

ROWS = "__fraiseql_rows__"
"""Where a generated class keeps the class of the rows."""

_MEANING = "fraiseql_part"

PartKind = Function | Literal["values", "group_by"]
"""A value, an object of them, or the rows in groups."""


@dataclass(frozen=True, slots=True)
class PartMeaning:
    """What a field of an aggregate stands for.

    Args:
        kind: What it is.
        column: The attribute that it is about, if it is a value of one.
        scalar: What the value is, if it is one.
        enum: The class of an enum's members.
    """

    kind: PartKind
    column: str | None = None
    scalar: Scalar | None = None
    enum: type[Enum] | None = None


class PartField(StrawberryField):
    """A field whose value was read under its own response key, by the statement of the root."""

    @property
    def meaning(self) -> PartMeaning:
        """What it stands for."""
        return self.metadata[_MEANING]

    @property
    def is_basic_field(self) -> bool:
        """False: the resolver needs `info`, to know the alias."""
        return False

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:
        """The value."""
        return source[info.path.key]


@dataclass(frozen=True, slots=True)
class Part:
    """A field that a generated type is to have.

    Args:
        meaning: What it stands for.
        annotation: Its type.
        description: What clients read of it.
        graphql_name: Its name in GraphQL, where Strawberry would make another one.
        arguments: Its arguments.
    """

    meaning: PartMeaning
    annotation: Any
    description: str
    graphql_name: str | None = None
    arguments: tuple[StrawberryArgument, ...] = ()


def part_type(name: str, description: str, parts: Mapping[str, Part]) -> type[Any]:
    """Make a Strawberry type.

    Args:
        name: Its GraphQL name.
        description: What clients read of it.
        parts: Its fields, by their Python names.
    """
    made: Any = type(name, (), {"__module__": __name__})
    made.__annotations__ = {python_name: part.annotation for python_name, part in parts.items()}
    for python_name, part in parts.items():
        field = PartField(
            graphql_name=part.graphql_name,
            description=part.description,
            metadata={_MEANING: part.meaning},
        )
        field.arguments = list(part.arguments)
        setattr(made, python_name, field)
    return strawberry.type(made, name=name, description=description)

"""Every query field of a schema as an operation that asks for as much as it can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import graphql
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
)

__all__ = ["Walked", "selection_of", "walk_queries"]

_core: Any = graphql
_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Walked:
    """A query field.

    Args:
        field: Its name.
        document: An operation that asks for it; None where it cannot be asked.
        reason: Why it cannot.
    """

    field: str
    document: str | None
    reason: str = ""


def walk_queries(schema: GraphQLSchema) -> Iterator[Walked]:
    """An operation for each query field that needs no argument, as deep as relations go.

    Args:
        schema: graphql-core's schema.
    """
    query = schema.query_type
    fields: dict[str, Any] = cast(Any, query).fields if query else {}
    for name, field in fields.items():
        needed = _required(field)
        if needed:
            yield Walked(name, None, f"it needs the argument {needed[0]!r}")
            continue
        selection = selection_of(field.type, _DEPTH)
        yield Walked(name, f"{{ {name}{selection} }}")


def _required(field: GraphQLField) -> list[str]:
    return [name for name, one in field.args.items() if _core.is_required_argument(one)]


def selection_of(type_: Any, depth: int) -> str:
    """Everything that can be selected of a type without arguments.

    Args:
        type_: graphql-core's type.
        depth: How many levels of objects.
    """
    named = _core.get_named_type(type_)
    if isinstance(named, (GraphQLScalarType, GraphQLEnumType)):
        return ""
    if not isinstance(named, GraphQLObjectType):
        return " { __typename }"
    parts: list[str] = []
    fields: dict[str, Any] = cast(Any, named).fields
    for name, field in fields.items():
        if _required(field):
            continue
        inner = _core.get_named_type(field.type)
        if isinstance(inner, (GraphQLScalarType, GraphQLEnumType)):
            parts.append(name)
        elif depth > 1:
            parts.append(f"{name}{selection_of(field.type, depth - 1)}")
    return f" {{ {' '.join(parts) or '__typename'} }}"

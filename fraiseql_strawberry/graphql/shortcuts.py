"""Resolvers of ours, called by graphql-core without Strawberry's call around them.

That call makes an `info` and converts arguments, for each field and each row. Relations that were
read with their parent need neither, and what reads a source takes its arguments from the document.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from graphql import GraphQLField, GraphQLObjectType, GraphQLResolveInfo, is_leaf_type
from strawberry import Schema
from strawberry.types.field import StrawberryField

from .compiler.core import argument_type, named_type
from .definition import SourceResolver
from .relation import NOT_READ, RelationField, prefetched

__all__ = ["shorten"]


def shorten(schema: Schema) -> None:
    """Replace the resolvers of fields that nothing of the user's stands around.

    Args:
        schema: The schema; the change is made in it, once, however many tenancies serve it.
    """
    types: Mapping[str, Any] = schema._schema.type_map  # pyright: ignore[reportPrivateUsage]
    for type_ in types.values():
        for field in type_.fields.values() if isinstance(type_, GraphQLObjectType) else ():
            declared = field.extensions.get("strawberry-definition")
            if not isinstance(declared, StrawberryField) or declared.extensions:
                continue
            resolver: object = cast(Any, declared).base_resolver
            if type(declared) is RelationField and not isinstance(field.resolve, _Related):
                field.resolve = _Related(field.resolve)
            elif isinstance(resolver, SourceResolver) and _plain_arguments(field):
                field.resolve = _Read(resolver.read)


def _plain_arguments(field: GraphQLField) -> bool:
    """Whether no argument is an object, of which a class of the user's is made."""
    return all(is_leaf_type(named_type(argument_type(each))) for each in field.args.values())


class _Related:
    """Resolves a relation that was read with its parent; the others as before."""

    __slots__ = ("_otherwise",)

    def __init__(self, otherwise: Callable[..., Any]) -> None:
        self._otherwise = otherwise

    def __call__(self, source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        value = prefetched(source, info)
        return self._otherwise(source, info, **arguments) if value is NOT_READ else value


class _Read:
    """Resolves a root field that reads a source."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[GraphQLResolveInfo[Any]], Awaitable[Any]]) -> None:
        self._read = read

    def __call__(self, source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        return self._read(info)

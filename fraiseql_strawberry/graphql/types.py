"""Strawberry's own types, with a place to say which source their rows come from."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform, overload

import strawberry

from ..sql.source import Source
from .relation import relation

__all__ = ["source_of", "type"]

T = TypeVar("T")

_SOURCE = "__fraiseql_source__"


@overload
@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field, relation))
def type(
    cls: builtins.type[T], *, sql_source: str | None = None, **options: Any
) -> builtins.type[T]: ...
@overload
@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field, relation))
def type(
    cls: None = None, *, sql_source: str | None = None, **options: Any
) -> Callable[[builtins.type[T]], builtins.type[T]]: ...


def type(cls: Any = None, *, sql_source: str | None = None, **options: Any) -> Any:
    """Make a class a GraphQL type: `strawberry.type`, plus the source of its rows.

    Args:
        cls: The class; annotated attributes become fields, `Private[…]` ones stay out.
        sql_source: The view or table whose columns are named like the attributes. Without one,
            the queries that return the type name it.
        **options: Whatever `strawberry.type` takes (`name`, `description`, `directives`, …).

    Returns:
        A real Strawberry type: it mixes with hand-written ones in one schema.
    """

    def decorate(cls: Any) -> Any:
        decorated = strawberry.type(cls, **options)
        if sql_source is not None:
            setattr(decorated, _SOURCE, Source.parse(sql_source))
        return decorated

    return decorate if cls is None else decorate(cls)


def source_of(cls: object) -> Source | None:
    """The source that a type was decorated with, if any; not inherited by subclasses."""
    return vars(cls).get(_SOURCE) if isinstance(cls, builtins.type) else None

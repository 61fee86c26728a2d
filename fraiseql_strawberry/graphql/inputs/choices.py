"""Which fields of a type clients may filter and order by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Any, cast

from strawberry.types.base import (
    StrawberryList,
    StrawberryObjectDefinition,
    StrawberryOptional,
    get_object_definition,
)
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType
from strawberry.types.private import is_private

from ...errors import SchemaError
from ...sql.scalars import Scalar
from ..compiler.python_scalars import enum_of_annotation, scalar_of_annotation
from ..relation import RelationField

__all__ = ["Choice", "Narrowing", "choices", "innermost"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A field that a condition or an order may be about.

    Args:
        field: The field.
        scalar: What its column holds; None for a relation.
        enum: The class of an enum's members.
        target: The type that a relation leads to.
        narrowing: Which of that type's fields; None for all.
    """

    field: StrawberryField
    scalar: Scalar | None = None
    enum: type[Enum] | None = None
    target: type[Any] | None = None
    narrowing: Narrowing | None = None


class Narrowing:
    """Names that were chosen: `["title", "author.name"]`.

    Args:
        names: The names.
        place: Where they were, for errors: 'posts(), where=[…]'.
    """

    def __init__(self, names: Sequence[str], place: str) -> None:
        self.place = place
        self._below: dict[str, list[str]] = {}
        for name in names:
            first, _, rest = name.partition(".")
            below = self._below.setdefault(first, [])
            if rest:
                below.append(rest)

    def holds(self, name: str) -> bool:
        """Whether a field was chosen."""
        return name in self._below

    def below(self, name: str) -> Narrowing | None:
        """What of a relation was chosen; None where all of it was."""
        names = self._below[name]
        return Narrowing(names, self.place) if names else None

    def check(self, known: Sequence[str], cls: type[Any]) -> None:
        """See that all that was chosen is there.

        Raises:
            SchemaError: When something is not, with the nearest name.
        """
        for name in self._below:
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f'; did you mean "{near[0]}"?' if near else ""
                raise SchemaError(
                    f'{self.place}: {cls.__name__} has no column or relation "{name}"{hint}'
                )


def choices(cls: type[Any], narrowing: Narrowing | None) -> list[Choice]:
    """The fields of a type that may be chosen.

    A field with a permission class or an extension is one only where it was named: comparing a
    value tells what it is.

    Args:
        cls: The type.
        narrowing: What was chosen; None for everything.

    Raises:
        SchemaError: When a name is no field that can be compared.
    """
    definition = get_object_definition(cls)
    assert definition is not None
    possible = dict(_possible(definition))
    if narrowing is None:
        return [choice for choice in possible.values() if not _guarded(choice.field)]
    narrowing.check(list(possible), cls)
    found: list[Choice] = []
    for name, choice in possible.items():
        if narrowing.holds(name):
            below = narrowing.below(name)
            found.append(Choice(choice.field, choice.scalar, choice.enum, choice.target, below))
    return found


def _possible(definition: StrawberryObjectDefinition) -> Iterator[tuple[str, Choice]]:
    for field in definition.fields:
        if is_private(field.type):
            continue  # Strawberry leaves them out of the schema later, where annotations are texts
        if isinstance(field, RelationField):
            target = innermost(field.type)
            if get_object_definition(target) is not None and _has_source(target):
                yield field.python_name, Choice(field, target=target)
        elif type(field) is StrawberryField and cast(Any, field).base_resolver is None:
            if get_object_definition(innermost(field.type)) is not None:
                continue  # an object inside of the row's JSON
            scalar = scalar_of_annotation(field.type)
            if scalar is not None:
                enum = enum_of_annotation(field.type)
                yield field.python_name, Choice(field, scalar, enum)


def _guarded(field: StrawberryField) -> bool:
    return bool(field.permission_classes or field.extensions)


def _has_source(cls: Any) -> bool:
    return isinstance(cls, type) and "__fraiseql_source__" in vars(cls)


def innermost(type_: Any) -> Any:
    """The type inside of lists, optionals and lazy references."""
    while True:
        if isinstance(type_, LazyType):
            type_ = cast(Any, type_).resolve_type()
        elif isinstance(type_, (StrawberryList, StrawberryOptional)):
            type_ = type_.of_type
        else:
            return type_

"""Python annotations as scalars: what an attribute's value is made of from JSON."""

from __future__ import annotations

import datetime as dt
import enum
import types
from collections.abc import Hashable
from decimal import Decimal
from typing import Annotated, Any, Union, cast, get_args, get_origin
from uuid import UUID

from strawberry.scalars import ID, JSON, Base16, Base64
from strawberry.types.base import StrawberryList, StrawberryOptional
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.lazy_type import LazyType

from ...sql.scalars import Scalar
from ..scalars import BigInt

__all__ = ["enum_of_annotation", "scalar_of_annotation"]

_KINDS: dict[object, str] = {
    str: "string",
    int: "int",
    float: "float",
    bool: "boolean",
    bytes: "base64",
    UUID: "uuid",
    Decimal: "decimal",
    dt.date: "date",
    dt.datetime: "datetime",
    dt.time: "time",
    dt.timedelta: "interval",
    dict: "json",
    object: "json",
    Any: "json",
    ID: "id",
    JSON: "json",
    Base16: "base16",
    Base64: "base64",
    BigInt: "bigint",
}


def scalar_of_annotation(annotation: Any) -> Scalar | None:
    """The scalar of a resolved Strawberry type or a plain annotation; None when it names none."""
    annotation, depth, item_nullable = _innermost(annotation)
    enum_class = _enum(annotation)
    if enum_class is not None:
        members = tuple((member.name, member.name, member.value) for member in enum_class)
        return Scalar("enum", depth, item_nullable, members)
    kind = _kind(annotation)
    return Scalar(kind, depth, item_nullable) if kind else None


def enum_of_annotation(annotation: Any) -> type[enum.Enum] | None:
    """The enum class that an annotation names, inside of lists and optionals."""
    return _enum(_innermost(annotation)[0])


def _innermost(annotation: Any) -> tuple[Any, int, bool]:
    depth, item_nullable = 0, False
    while True:
        nullable, annotation = _without_optional(annotation)
        item_nullable = item_nullable or (nullable and depth > 0)
        item = _item(annotation)
        if item is None:
            return annotation, depth, item_nullable
        depth, annotation = depth + 1, item


def _without_optional(annotation: Any) -> tuple[bool, Any]:
    if isinstance(annotation, LazyType):
        annotation = annotation.resolve_type()
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if isinstance(annotation, StrawberryOptional):
        return True, annotation.of_type
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [arg for arg in get_args(annotation) if arg is not types.NoneType]
        if len(rest) == 1:
            return True, rest[0]
    return False, annotation


def _item(annotation: Any) -> Any:
    if isinstance(annotation, StrawberryList):
        return annotation.of_type
    arguments = get_args(annotation)
    return arguments[0] if get_origin(annotation) is list and arguments else None


def _enum(annotation: Any) -> type[enum.Enum] | None:
    if isinstance(annotation, StrawberryEnumDefinition):
        annotation = annotation.wrapped_cls
    is_enum = isinstance(annotation, type) and issubclass(annotation, enum.Enum)
    return cast(type[enum.Enum], annotation) if is_enum else None


def _kind(annotation: Any) -> str | None:
    origin = get_origin(annotation)
    if origin is not None:
        return _kind(origin)
    while annotation is not None:
        kind = _KINDS.get(annotation) if isinstance(annotation, Hashable) else None
        if kind:
            return kind
        # A NewType is what it was made of.
        annotation = getattr(annotation, "__supertype__", None)
    return None

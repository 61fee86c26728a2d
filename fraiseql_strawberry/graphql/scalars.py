"""The scalars whose text differs between Strawberry and PostgreSQL, written as PostgreSQL does.

Both lanes give the same text of every scalar, so the standard lane trims fractions of a second
and writes decimals without exponents, as PostgreSQL's JSON does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NewType, cast

import strawberry
from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLNamedType,
    GraphQLScalarType,
    GraphQLString,
)
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.scalars import JSON, Base16, Base64
from strawberry.schema.types.base_scalars import (
    DateDefinition,
    DateTimeDefinition,
    DecimalDefinition,
    TimeDefinition,
    UUIDDefinition,
)
from strawberry.schema.types.scalar import DEFAULT_SCALAR_REGISTRY
from strawberry.types.scalar import ScalarDefinition

from ..sql.temporal import (
    format_date,
    format_datetime,
    format_interval,
    format_time,
    parse_interval,
)

__all__ = ["SCALARS", "BigInt", "align_scalars", "scalar_kind"]

BigInt = NewType("BigInt", int)
"""A whole number of any size, as a string: JavaScript's own are exact up to 2**53 only."""

_MAX_DIGITS = 1000
_DEFINITION = "strawberry-definition"


def _format_decimal(value: Any) -> str:
    return format(value if isinstance(value, Decimal) else Decimal(str(value)), "f")


def _parse_big_int(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= _MAX_DIGITS:
        digits = value.removeprefix("-")
        if digits.isascii() and digits.isdigit():
            return int(value)
    raise StrawberryInputCoercionError(f'Value cannot represent a BigInt: "{value}".')


def _parse_interval(value: object) -> dt.timedelta:
    try:
        return parse_interval(cast(str, value))
    except (ValueError, TypeError, OverflowError):
        raise StrawberryInputCoercionError(
            f'Value cannot represent an Interval: "{value}". Write "1 day 02:03:04".'
        ) from None


def _rewritten(definition: ScalarDefinition, serialize: Any) -> ScalarDefinition:
    return strawberry.scalar(
        name=definition.name,
        description=definition.description,
        specified_by_url=definition.specified_by_url,
        serialize=serialize,
        parse_value=definition.parse_value,
    )


SCALARS: Mapping[object, ScalarDefinition] = {
    dt.date: _rewritten(DateDefinition, format_date),
    dt.datetime: _rewritten(DateTimeDefinition, format_datetime),
    dt.time: _rewritten(TimeDefinition, format_time),
    Decimal: _rewritten(DecimalDefinition, _format_decimal),
    dt.timedelta: strawberry.scalar(
        name="Interval",
        description="A length of time, such as `1 day 02:03:04.5`",
        serialize=format_interval,
        parse_value=_parse_interval,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number of any size, as a string",
        serialize=str,
        parse_value=_parse_big_int,
    ),
}
"""For `StrawberryConfig(scalar_map=…)`; `build_schema` uses them."""

_REWRITTEN = (
    (DateDefinition, dt.date),
    (DateTimeDefinition, dt.datetime),
    (TimeDefinition, dt.time),
    (DecimalDefinition, Decimal),
)

# Definitions and built-in types are known by identity: one of the user's with the same name may
# write its values in its own way.
_KINDS: dict[int, str] = {
    id(GraphQLString): "string",
    id(GraphQLInt): "int",
    id(GraphQLFloat): "float",
    id(GraphQLBoolean): "boolean",
    id(GraphQLID): "id",
    id(DateDefinition): "date",
    id(DateTimeDefinition): "datetime",
    id(TimeDefinition): "time",
    id(DecimalDefinition): "decimal",
    id(UUIDDefinition): "uuid",
    id(DEFAULT_SCALAR_REGISTRY[JSON]): "json",
    id(DEFAULT_SCALAR_REGISTRY[Base16]): "base16",
    id(DEFAULT_SCALAR_REGISTRY[Base64]): "base64",
    id(SCALARS[dt.date]): "date",
    id(SCALARS[dt.datetime]): "datetime",
    id(SCALARS[dt.time]): "time",
    id(SCALARS[Decimal]): "decimal",
    id(SCALARS[dt.timedelta]): "interval",
    id(SCALARS[BigInt]): "bigint",
}


def scalar_kind(type_: GraphQLNamedType) -> str | None:
    """The row of `sql.scalars` that a scalar of a schema stands for; None for a user's own."""
    return _KINDS.get(id(type_)) or _KINDS.get(id(type_.extensions.get(_DEFINITION)))


def align_scalars(schema: strawberry.Schema) -> None:
    """Make a schema that the user built write its dates and decimals as PostgreSQL does.

    Only Strawberry's own scalars are changed; a scalar of the user's keeps its text, and an
    operation that selects it takes the standard lane.

    Args:
        schema: The schema; the change is made in it.
    """
    written = {id(definition): SCALARS[python].serialize for definition, python in _REWRITTEN}
    types: Mapping[str, GraphQLNamedType] = schema._schema.type_map  # pyright: ignore[reportPrivateUsage]
    for type_ in types.values():
        serialize: Any = written.get(id(type_.extensions.get(_DEFINITION)))
        if isinstance(type_, GraphQLScalarType) and serialize is not None:
            type_.coerce_output_value = serialize
            type_.serialize = serialize

"""Python values as arguments of a statement: what a column of each type is compared with.

A value that PostgreSQL could not take is refused here, where the argument's name is known; an
error of the driver's would be a masked 500.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from .catalog import ColumnType

__all__ = ["AS_TEXT", "Converter", "comparable", "converter", "has_order", "parameter_type"]

Converter = Callable[[Any], Any]

AS_TEXT = frozenset({"json", "jsonb", "date", "timestamp", "timestamptz"})
"""Types whose values are sent as text: the pool may have a codec of its own for JSON, and the
driver takes `date.max` and `datetime.max` for infinity."""

_TEXT = frozenset({"text", "varchar", "bpchar", "name", "char"})
_INTEGERS = frozenset({"int2", "int4", "int8"})
_FAMILIES = {
    "text": _TEXT | {"citext"},
    "number": _INTEGERS | {"numeric", "float4", "float8"},
    "day": frozenset({"date", "timestamp", "timestamptz"}),
}
_ORDERED = frozenset[str]().union(*_FAMILIES.values()) | {
    *("uuid", "bool", "time", "timetz", "interval", "bytea", "oid", "inet", "cidr", "macaddr")
}
_INT8 = 2**63
# PostgreSQL's numeric has 131,072 digits before the point and 16,383 after; an exponent beyond
# that would make the driver write out the digits first.
_MAX_EXPONENT = 10_000
_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", re.ASCII)
_MAX_FLOAT4 = 3.4028235e38


def parameter_type(column: ColumnType) -> ColumnType:
    """What the parameter is cast to: a type whose equality with the column uses its index.

    Integers of all widths share one operator family, so the widest is always right; arrays only
    compare with arrays of their own type.
    """
    if column.array:
        return ColumnType(column.name, False, column.schema, column.labels)
    if column.name in _INTEGERS:
        return ColumnType("int8")
    if column.name == "char":
        return ColumnType("text")
    return ColumnType(column.name, False, column.schema, column.labels)


def comparable(left: ColumnType, right: ColumnType) -> bool:
    """Whether PostgreSQL has an equality between the two, without a cast."""
    if left.array or right.array or left.labels or right.labels:
        return (left.name, left.array) == (right.name, right.array)
    return _family(left.name) == _family(right.name)


def has_order(type_: ColumnType) -> bool:
    """Whether rows can be ordered by a column of that type."""
    ordered = type_.name in _ORDERED or bool(type_.labels)
    return ordered and not type_.array


def _family(name: str) -> str:
    return next((family for family, names in _FAMILIES.items() if name in names), name)


def converter(column: ColumnType, members: Mapping[object, object] | None = None) -> Converter:
    """The function from a coerced GraphQL value to what the driver takes.

    It raises ValueError or ArithmeticError for a value that the column cannot hold.

    Args:
        column: The type of the column, or of an array's items.
        members: What the column stores for each value of an enum, by `scalars.members_stored`.
    """
    if members is not None:
        return _member(members, _integer if column.name in _INTEGERS else str)
    if column.labels:
        return _label(frozenset(column.labels))
    if column.name in _TEXT or column.name == "citext":
        return _text
    if column.name in _INTEGERS:
        return _whole(column.name) if column.array else _integer
    return _CONVERTERS.get(column.name, _unsupported)


def _unsupported(value: Any) -> Any:
    raise ValueError("this column cannot be compared with a value")


def _member(members: Mapping[object, object], as_stored: Converter) -> Converter:
    def convert(value: Any) -> Any:
        value = value.value if isinstance(value, Enum) else value
        if value not in members:
            raise ValueError("not a member of the enum")
        return as_stored(members[value])

    return convert


def _label(labels: frozenset[str]) -> Converter:
    def convert(value: Any) -> Any:
        if value in labels:
            return value
        raise ValueError("not a label of the column's type")

    return convert


def _text(value: Any) -> str:
    text = str(value.value if isinstance(value, Enum) else value)
    # PostgreSQL's text holds neither NUL nor half a surrogate pair.
    if not text.isascii():
        text.encode()
    if "\x00" in text:
        raise ValueError("a text cannot hold the character U+0000")
    return text


def _integer(value: Any) -> int:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        if not _INTEGER.fullmatch(value):
            raise ValueError("not a whole number")
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not -_INT8 <= value < _INT8:
        raise ValueError("not a whole number of 64 bits")
    return value


def _whole(name: str) -> Converter:
    bound = 2 ** (8 * int(name.removeprefix("int")) - 1)

    def convert(value: Any) -> int:
        number = _integer(value)
        if not -bound <= number < bound:
            raise ValueError(f"beyond the range of {name}")
        return number

    return convert


def _uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    # uuid.UUID() also reads "urn:uuid:…", braces and full-width digits.
    if isinstance(value, str) and _UUID.fullmatch(value):
        return UUID(value)
    raise ValueError("not a UUID")


def _float(value: Any) -> float:
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return float(value)
    raise ValueError("not a number")


def _float4(value: Any) -> float:
    number = _float(value)
    if abs(number) > _MAX_FLOAT4:
        raise ValueError("beyond the range of a 4-byte float")
    return number


def _numeric(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise ValueError("not a number")
    number = Decimal(repr(value) if isinstance(value, float) else value)
    if (number.is_finite() and abs(number.adjusted()) > _MAX_EXPONENT) or number.is_snan():
        raise ValueError("beyond the range of numeric")
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("not a Boolean")


def _exactly(*types: type) -> Converter:
    def convert(value: Any) -> Any:
        if isinstance(value, types):
            return value
        raise ValueError(f"not a {types[0].__name__}")

    return convert


def _date(value: Any) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    raise ValueError("not a date")


def _timestamptz(value: Any) -> str:
    # A time without an offset means UTC, the session's own time zone.
    if not isinstance(value, datetime):
        raise ValueError("not a date with time")
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()


def _timestamp(value: Any) -> str:
    if not isinstance(value, datetime):
        raise ValueError("not a date with time")
    return (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat()


def _time(value: Any) -> time:
    if isinstance(value, time):
        return value.replace(tzinfo=None)
    raise ValueError("not a time")


def _timetz(value: Any) -> time:
    if isinstance(value, time):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    raise ValueError("not a time")


def _json(value: Any) -> str:
    text = json.dumps(value, allow_nan=False)
    if "\\u0000" in text:
        raise ValueError("a JSON text cannot hold the character U+0000")
    return text


_CONVERTERS: dict[str, Converter] = {
    "uuid": _uuid,
    "float4": _float4,
    "float8": _float,
    "numeric": _numeric,
    "bool": _boolean,
    "date": _date,
    "timestamptz": _timestamptz,
    "timestamp": _timestamp,
    "time": _time,
    "timetz": _timetz,
    "interval": _exactly(timedelta),
    "bytea": _exactly(bytes, bytearray),
    "jsonb": _json,
}

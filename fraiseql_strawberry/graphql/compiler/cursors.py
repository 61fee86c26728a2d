"""Cursors: positions in an order, which hold for one tenant and that order only.

A cursor is base64 of `1.<digest>.<values of the order's keys, as JSON>`. The digest is of the
tenant and the order. It is no secret: who writes a cursor by hand gets to another place among the
rows that the tenant sees anyway. What it holds is therefore read as any other input.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from ...sql.catalog import ColumnType
from ...sql.parameters import Converter, converter
from ...sql.plan import Order
from .statement import Convert

__all__ = ["can_be_paged_by", "prefix_of", "reader"]

_VERSION = "1"
_DIGEST_BYTES = 9
_MAX_CHARACTERS = 8_000
_INTEGERS = frozenset({"int2", "int4", "int8"})
_TEXTS = frozenset({"text", "varchar", "bpchar", "citext", "uuid", "numeric"})
_DAY = r"\d{4,7}-\d{2}-\d{2}"
_CLOCK = r"T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?"
_MOMENTS = {
    "date": re.compile(rf"{_DAY}(?: BC)?|-?infinity", re.ASCII),
    "timestamp": re.compile(rf"{_DAY}{_CLOCK}(?: BC)?|-?infinity", re.ASCII),
    "timestamptz": re.compile(
        rf"{_DAY}{_CLOCK}[+-]\d{{2}}(?::\d{{2}})?(?: BC)?|-?infinity", re.ASCII
    ),
}
_FLOATS = re.compile(r"-?\d{1,400}(?:\.\d{1,400})?(?:e[+-]?\d{1,3})?|NaN|-?Infinity", re.ASCII)


def can_be_paged_by(type_: ColumnType) -> bool:
    """Whether a column of that type can be a key of a cursor."""
    known = _INTEGERS | _TEXTS | _MOMENTS.keys() | {"bool", "float4", "float8"}
    return not type_.array and (type_.name in known or bool(type_.labels))


def prefix_of(order: Sequence[Order]) -> Callable[[str], str]:
    """The function from a tenant to what its cursors in an order begin with."""
    keys = [(key.column.name, key.descending, key.nulls) for key in order]

    def prefix(tenant: str) -> str:
        told = json.dumps([tenant, keys]).encode()
        digest = hashlib.blake2b(told, digest_size=_DIGEST_BYTES).digest()
        return f"{_VERSION}.{base64.urlsafe_b64encode(digest).decode()}."

    return prefix


def reader(order: Sequence[Order], number: int) -> Convert:
    """The function from a tenant and a cursor to the value of one of its keys.

    It raises ValueError for what is no cursor of that tenant in that order.

    Args:
        order: The order.
        number: Which key.
    """
    prefix, convert = prefix_of(order), _reader(order[number].column.type)

    def read(given: tuple[str, str]) -> Any:
        tenant, text = given
        values = _values(text, prefix(tenant))
        if len(values) != len(order):
            raise ValueError(_NO_CURSOR)
        value = values[number]
        if value is None:
            return None
        try:
            return convert(value)
        except (ValueError, ArithmeticError):
            raise ValueError(_NO_CURSOR) from None

    return read


_NO_CURSOR = "is no cursor; take one from an edge or from pageInfo"


def _values(text: str, prefix: str) -> list[Any]:
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(_NO_CURSOR)
    try:
        decoded = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        raise ValueError(_NO_CURSOR) from None
    version, dot, rest = decoded.partition(".")
    if not dot or not rest or not version.isdigit():
        raise ValueError(_NO_CURSOR)
    if version != _VERSION:
        raise ValueError("is a cursor of another version; begin again without it")
    if not decoded.startswith(prefix):
        raise ValueError("is a cursor of another tenant, or of another order; begin without it")
    try:
        values = json.loads(decoded[len(prefix) :])
    except (ValueError, RecursionError):
        raise ValueError(_NO_CURSOR) from None
    if not isinstance(values, list):
        raise ValueError(_NO_CURSOR)
    return values  # pyright: ignore[reportUnknownVariableType]


def _reader(type_: ColumnType) -> Converter:
    convert = converter(type_)
    moments = _MOMENTS.get(type_.name)
    if moments is not None:
        return lambda value: _moment(_text(value), type_.name, moments)
    if type_.name in ("float4", "float8"):
        return lambda value: convert(_number(_text(value)))
    if type_.name == "bool":
        return convert
    return lambda value: convert(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("not a text")


def _number(text: str) -> float:
    if _FLOATS.fullmatch(text):
        return float(text)
    raise ValueError("not a number")


def _moment(text: str, name: str, known: re.Pattern[str]) -> str:
    if not known.fullmatch(text):
        raise ValueError("not a moment")
    year, dash, rest = text.removesuffix(" BC").partition("-")
    if dash and year:
        # Python's years end where four digits do; days and times are checked in a leap year.
        usual = len(year) == 4 and year != "0000" and not text.endswith("BC")
        (date if name == "date" else datetime).fromisoformat(f"{year if usual else 2000}-{rest}")
    return text

"""From a statement's JSON to instances of the decorated classes, for Strawberry's resolvers.

Rows carry short keys of their own, so that an alias cannot hide an attribute. What was read
along with a row stands in `instance.__dict__[RELATED]` (see `relation`).
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable
from datetime import UTC
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from ...sql.catalog import ColumnType
from ...sql.scalars import Scalar, members_stored
from ...sql.temporal import parse_date, parse_datetime, parse_interval, parse_time
from ..relation import RELATED, Prefetched

__all__ = ["RowHydrator", "Rows", "parser"]

Parse = Callable[[Any], Any]


class Rows(Protocol):
    """Makes the values of fields from a statement's rows."""

    def one(self, row: Any) -> Any:
        """The value of a field that is one row, or None."""
        ...

    def many(self, rows: Any) -> Any:
        """The value of a field that is a list of rows."""
        ...


_PARSERS: dict[str, Parse] = {
    "uuid": UUID,
    "decimal": Decimal,
    "bigint": int,
    "date": parse_date,
    "time": parse_time,
    "interval": parse_interval,
    "base16": base64.b16decode,
    "base64": base64.b64decode,
    # PostgreSQL's JSON has NaN and Infinity as strings.
    "float": float,
}


def parser(scalar: Scalar, type_: ColumnType, enum: type[Enum] | None) -> Parse | None:
    """The function from a value of the JSON to the attribute's; None where they are the same.

    Args:
        scalar: What the attribute holds.
        type_: The column's type.
        enum: The class of an enum's members.
    """
    if scalar.kind == "enum" and enum is not None:
        item: Parse | None = _member_parser(scalar, type_, enum)
    elif scalar.kind == "datetime":
        item = partial(parse_datetime, zone=UTC) if type_.name == "timestamptz" else parse_datetime
    else:
        item = _PARSERS.get(scalar.kind)
    for _ in range(scalar.depth):
        item = partial(_parse_list, item) if item else None
    return item


def _parse_list(parse: Parse, items: list[Any]) -> list[Any]:
    return [None if item is None else parse(item) for item in items]


def _member_parser(scalar: Scalar, type_: ColumnType, enum: type[Enum]) -> Parse:
    by_stored = {stored: enum(value) for value, stored in members_stored(scalar, type_).items()}
    # A value that the enum does not have stays as it is: Strawberry says so, in its own words.
    return lambda stored: by_stored.get(stored, stored)


class RowHydrator:
    """Makes instances of one class from rows.

    Args:
        cls: The class.
        columns: (key of the row, attribute, parser) of each column read.
        related: (key of the row, where it was asked for, what makes its value, whether a list) of
            each relation read.
        embedded: (key of the row, attribute, hydrator, whether a list) of each object of JSON.
    """

    __slots__ = ("_cls", "_columns", "_embedded", "_factories", "_post_init", "_related")

    def __init__(
        self,
        cls: type[Any],
        columns: tuple[tuple[str, str, Parse | None], ...],
        related: tuple[tuple[str, Prefetched, Rows, bool], ...] = (),
        embedded: tuple[tuple[str, str, RowHydrator, bool], ...] = (),
    ) -> None:
        self._cls = cls
        self._columns = columns
        self._related = related
        self._embedded = embedded
        read = {attribute for _, attribute, *_ in (*columns, *embedded)}
        self._factories = tuple(
            (field.name, field.default_factory)
            for field in dataclasses.fields(cls)
            if field.default_factory is not dataclasses.MISSING and field.name not in read
        )
        self._post_init: Callable[[Any], None] | None = getattr(cls, "__post_init__", None)

    def one(self, row: dict[str, Any] | None) -> Any:
        """The instance of a row."""
        if row is None:
            return None
        instance = object.__new__(self._cls)
        attributes = instance.__dict__
        for key, attribute, parse in self._columns:
            value = row[key]
            attributes[attribute] = value if value is None or parse is None else parse(value)
        for key, attribute, hydrator, many in self._embedded:
            value = row[key]
            if value is not None:
                value = hydrator.many(value) if many else hydrator.one(value)
            attributes[attribute] = value
        for attribute, factory in self._factories:
            attributes[attribute] = factory()
        if self._related:
            attributes[RELATED] = {
                at[1]: (at[0], rows.many(row[key]) if many else rows.one(row[key]))
                for key, at, rows, many in self._related
            }
        if self._post_init is not None:
            self._post_init(instance)
        return instance

    def many(self, rows: list[dict[str, Any] | None]) -> list[Any]:
        """The instances of several rows."""
        return [self.one(row) for row in rows]

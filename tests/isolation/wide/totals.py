"""The judge of aggregates: what rows come to, counted in Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from math import isclose
from typing import Any

from graphql import GraphQLError

from tests.isolation.wide.found import sortable, stored

__all__ = ["GROUPED", "NUMBERS", "ORDERED", "About", "AboutFloat", "Totals"]

_WHOLE = {"number", "a_small", "an_int", "a_long", "pages"}
_BIG = {"a_big", "a_huge"}
_FLOATS = {"a_single", "a_double", "an_amount", "weight"}
NUMBERS = _WHOLE | _BIG | _FLOATS | {"a_decimal", "price"}
ORDERED = NUMBERS | {"a_text", "a_short", "a_slug", "a_zoned_stamp", "title"}
GROUPED = {
    *("id", "number", "a_small", "an_int", "a_long", "a_big", "a_decimal", "a_text", "a_short"),
    *("a_slug", "a_flag", "a_uuid", "a_status", "a_color", "a_level", "title", "pages", "done"),
    *("color", "price"),
}
_ENUMS = {"a_status": ["draft", "in_review", "published"]}
MAX_LIMIT = 1000
_DIGITS = 400  # a sum of 1e300 and of 1e-10, exactly
_RELATIVE = Decimal("1e-15")  # PostgreSQL's division gives at least sixteen digits


class About:
    """A text of digits: the number, to the digits that PostgreSQL's division gives."""

    def __init__(self, number: Decimal, *, exact: bool) -> None:
        self._number = number
        self._exact = exact

    def __repr__(self) -> str:
        return f"About({self._number})"

    def matches(self, actual: Any) -> bool:
        if not isinstance(actual, str):
            return False
        other = Decimal(actual)
        if self._exact or not self._number:
            return other == self._number
        return abs(other - self._number) <= abs(self._number) * _RELATIVE


class AboutFloat(float):
    """A sum of floats depends on their order."""

    def matches(self, actual: Any) -> bool:
        return isinstance(actual, (int, float)) and isclose(actual, self, rel_tol=1e-6)


class Totals:
    """What rows come to.

    Args:
        type_: Their GraphQL type.
        rows: The rows.
        leaf: How a stored value is given to graphql-core.
        keys: What they have in common, by column.
    """

    def __init__(
        self,
        type_: str,
        rows: Sequence[Any],
        leaf: Callable[[str, Any], Any],
        keys: dict[str, Any] | None = None,
    ) -> None:
        self._type = type_
        self._rows = rows
        self._leaf = leaf
        self._keys = keys

    def value(self, name: str, arguments: dict[str, Any]) -> Any:
        """The value of a field."""
        match name:
            case "count":
                return len(self._rows)
            case "keys":
                return _Columns(lambda column: self._leaf(column, (self._keys or {})[column]))
            case "group_by":
                return self._groups(**arguments)
            case _:
                return _Columns(lambda column: self._of(name, column))

    def _of(self, kind: str, column: str) -> Any:
        values = [stored(self._type, row, column) for row in self._rows]
        values = [value for value in values if value is not None]
        if not values:
            return None
        if kind in ("min", "max"):
            found = {"min": min, "max": max}[kind](values, key=lambda v: sortable(column, v))
            return self._leaf(column, found)
        if column in _FLOATS:
            total = sum(map(float, values))
            return AboutFloat(total if kind == "sum" else total / len(values))
        if "NaN" in values:
            return "NaN"
        with localcontext(prec=_DIGITS):
            exact = sum(Decimal(value) for value in values)
            return About(exact if kind == "sum" else exact / len(values), exact=kind == "sum")

    def _groups(self, columns: list[str], limit: int | None = None) -> list[Totals]:
        names = list(dict.fromkeys(column.lower() for column in columns))
        if not names:
            raise GraphQLError("by nothing")
        if limit is not None and not 0 <= limit <= MAX_LIMIT:
            raise GraphQLError("limit")
        groups: dict[tuple[Any, ...], list[Any]] = {}
        for row in self._rows:
            key = tuple(stored(self._type, row, name) for name in names)
            groups.setdefault(key, []).append(row)
        placed = sorted(
            groups.items(),
            key=lambda group: [_place(n, v) for n, v in zip(names, group[0], strict=True)],
        )
        made = [
            Totals(self._type, rows, self._leaf, dict(zip(names, key, strict=True)))
            for key, rows in placed
        ]
        return made[: MAX_LIMIT if limit is None else limit]


class _Columns:
    """An object with a value for each column."""

    def __init__(self, of: Callable[[str], Any]) -> None:
        self._of = of

    def value(self, name: str, _: dict[str, Any]) -> Any:
        return self._of(name)


def _place(column: str, value: Any) -> tuple[bool, Any]:
    """Nulls come last; an enum type has an order of its own."""
    if value is None:
        return True, 0
    if column in _ENUMS:
        return False, _ENUMS[column].index(value)
    return False, value if column in ("a_color", "color", "a_level") else sortable(column, value)

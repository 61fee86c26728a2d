"""What many rows come to, as SQL: they are read once for all values, and once for each grouping.

The inner query gives the values and the outer one writes them, so that a value that is asked for
twice is computed once.
"""

from __future__ import annotations

from typing import Protocol

from .catalog import ColumnType, quoted
from .column_text import column_text
from .plan import (
    Aggregate,
    ColumnRef,
    Constant,
    Function,
    Groups,
    Measure,
    Measures,
    Parameter,
    Select,
)
from .scalars import Scalar, literal, output

__all__ = ["AggregateWriter", "StatementWriter"]

_NUMERIC = ColumnType("numeric")
_INT8 = ColumnType("int8")
_FLOAT8 = ColumnType("float8")
_TEXT = ColumnType("text")
_FLOATS = frozenset({"float4", "float8"})
# What sum() gives for each type (PostgreSQL manual, table 9.60), avg() being numeric.
_SUMS = {"int2": "int8", "int4": "int8", "float8": "float8"}
# These have min() and max(), and an order that is that of their text.
_ORDERED_TEXTS = frozenset({"text", "varchar", "bpchar", "citext"})


class StatementWriter(Protocol):
    """Writes the statement that the values are part of."""

    def alias(self) -> str:
        """A name for rows that no other rows of the statement have."""
        ...

    def rows(self, select: Select, alias: str) -> str:
        """`FROM … WHERE …`."""
        ...

    def number(self, number: Parameter | int | None) -> str:
        """How many."""
        ...


class AggregateWriter:
    """Writes one aggregate.

    Args:
        statement: What the rest of the statement is written by.
    """

    def __init__(self, statement: StatementWriter) -> None:
        self._statement = statement

    def text(self, field: Aggregate) -> str:
        """The expression whose value is the object."""
        inner = _Inner(self._statement)
        row = self._statement.alias()
        columns = ", ".join(
            f"{self._groups(below, field.select)} AS {quoted(below.key)}"
            if isinstance(below, Groups)
            else self._field(below, inner)
            for below in field.fields
        )
        # Where only groups are asked for, the rows are not read once more. Something always reads
        # them, since the statement always has the same parameters.
        grouped = any(isinstance(below, Groups) for below in field.fields)
        origin = ""
        if inner.columns or not grouped:
            values = ", ".join(inner.columns) or "count(*)"
            rows = self._statement.rows(field.select, inner.source)
            origin = f" FROM (SELECT {values} {rows}) AS {inner.alias}"
        return f"(SELECT {row} FROM (SELECT {columns}{origin}) AS {row})"

    def _groups(self, groups: Groups, select: Select) -> str:
        inner = _Inner(self._statement)
        row = self._statement.alias()
        # The columns of the grouping come first, so that they can be named by their places.
        for ref, scalar in groups.by:
            inner.column("key", ref, scalar)
        places = ", ".join(str(place) for place in range(1, len(inner.columns) + 1))
        columns = ", ".join(self._field(below, inner) for below in groups.fields)
        values = ", ".join(inner.columns)
        rows = self._statement.rows(select, inner.source)
        limit = self._statement.number(groups.limit)
        return (
            f"ARRAY(SELECT {row} FROM (SELECT {columns} FROM (SELECT {values} {rows} "
            f"GROUP BY {places} ORDER BY {places} LIMIT {limit}) AS {inner.alias}) AS {row})"
        )

    def _field(self, field: Constant | Measure | Measures, inner: _Inner) -> str:
        match field:
            case Constant():
                value = literal(field.text)
            case Measure():
                column, type_ = inner.column(field.function, field.column, field.scalar)
                value = output(field.scalar, column, type_, marked=field.marked)
            case Measures():
                row = self._statement.alias()
                columns = ", ".join(self._field(below, inner) for below in field.fields)
                value = f"(SELECT {row} FROM (SELECT {columns}) AS {row})"
        return f"{value} AS {quoted(field.key)}"


class _Inner:
    """The values that the rows are asked for, each of them once."""

    def __init__(self, statement: StatementWriter) -> None:
        self.alias = statement.alias()
        self.source = statement.alias()
        self._names: dict[str, str] = {}

    def column(
        self, function: Function, ref: ColumnRef | None, scalar: Scalar
    ) -> tuple[str, ColumnType]:
        """The column of the inner query that holds a value, and its type."""
        value, type_ = _value(function, ref, scalar, self.source)
        name = self._names.setdefault(value, f'"v{len(self._names)}"')
        return f"{self.alias}.{name}", type_

    @property
    def columns(self) -> tuple[str, ...]:
        """What the inner query selects."""
        return tuple(f"{value} AS {name}" for value, name in self._names.items())


def _value(
    function: Function, ref: ColumnRef | None, scalar: Scalar, alias: str
) -> tuple[str, ColumnType]:
    if ref is None:
        return "count(*)", _INT8
    column, type_ = column_text(ref, alias), ref.type
    if function in ("sum", "avg"):
        if type_.name in _FLOATS and scalar.kind != "float":
            column, type_ = f"{column}::numeric", _NUMERIC
        if type_.name == "float4":
            column, type_ = f"{column}::float8", _FLOAT8  # a sum of them soon overflows
        if function == "avg" and type_.name == "float8":
            # avg() of floats squares them, and fails beyond 1e154.
            return f"sum({column}) / nullif(count({column}), 0)", _FLOAT8
        results = _SUMS if function == "sum" else {}
        return f"{function}({column})", ColumnType(results.get(type_.name, "numeric"))
    if scalar.kind in ("string", "id") and not type_.labels:
        # Many types have no min(), and some no equality either: their text has both.
        whole = type_.name in _ORDERED_TEXTS or (function == "key" and type_.name == "uuid")
        column, type_ = (column, type_) if whole else (f"{column}::text", _TEXT)
    return (column if function == "key" else f"{function}({column})"), type_

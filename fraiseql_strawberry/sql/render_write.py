"""Statements that write one row: each gives the key of the row it wrote, or NULL for none.

The writing is a CTE below a scalar subquery, so a statement always gives one row: a driver that
runs it many times over in one round trip has one answer for each. And it cannot write two rows for
one key: a subquery with more than one row is an error, which undoes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .catalog import quoted
from .column_type import ColumnType
from .naming import SCHEMA_GAP, parameter_text, source_text
from .parameters import parameter_type
from .render import Rendered
from .scalars import literal
from .source import Source

__all__ = [
    "Assignment",
    "Condition",
    "render_call",
    "render_create",
    "render_delete",
    "render_exists",
    "render_update",
]

_TIMES = frozenset({"timestamp", "timestamptz"})


@dataclass(frozen=True, slots=True)
class Assignment:
    """A column, or a function's parameter, that a value is given to.

    Args:
        name: Its name.
        type: Its type.
    """

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class Condition:
    """A column that must equal a value for its row to be written."""

    name: str
    type: ColumnType


def render_create(
    table: Source,
    key: str,
    columns: Sequence[Assignment],
    *,
    tenant: Assignment | None = None,
    setting: str = "",
    on_conflict: Sequence[str] = (),
) -> Rendered:
    """An INSERT; its parameters are the columns, in their order.

    Args:
        table: The table or view.
        key: The column whose value it gives.
        columns: What is given.
        tenant: The tenant's column, where it has no default of its own.
        setting: The setting that names the tenant.
        on_conflict: The columns of a unique index, whose conflict makes it an update.
    """
    names = [quoted(column.name) for column in columns]
    values = [_value(number, column.type) for number, column in enumerate(columns, 1)]
    if tenant is not None:
        names.append(quoted(tenant.name))
        current = f"NULLIF(current_setting({literal(setting)}, true), '')"
        values.append(f"{current}::{tenant.type.name}")
    given = f"({', '.join(names)}) VALUES ({', '.join(values)})" if names else "DEFAULT VALUES"
    conflict = ""
    if on_conflict:
        changed = [c.name for c in columns if c.name not in on_conflict] or [on_conflict[-1]]
        # Setting a column to what it is makes RETURNING give the row.
        sets = ", ".join(f"{quoted(name)} = EXCLUDED.{quoted(name)}" for name in changed)
        target = ", ".join(map(quoted, on_conflict))
        conflict = f" ON CONFLICT ({target}) DO UPDATE SET {sets}"
    return _one(f"INSERT INTO {source_text(table)} AS t$ {given}{conflict}", key)


def render_update(
    table: Source,
    key: Condition,
    columns: Sequence[Assignment],
    *,
    version: Condition | None = None,
) -> Rendered:
    """An UPDATE; its parameters are the key, the version where there is one, and the columns.

    Args:
        table: The table or view.
        key: The column that tells rows apart.
        columns: What is changed; where nothing is, the row is only looked for.
        version: The column whose value the caller must have read; it is counted up, or set to
            the time, with every change.
    """
    conditions = (key,) if version is None else (key, version)
    start = len(conditions) + 1
    if not columns:
        where = _where(conditions)
        select = f"SELECT t$.{quoted(key.name)} FROM {source_text(table)} AS t$ WHERE {where}"
        return Rendered(tuple(f"SELECT ({select})".split(SCHEMA_GAP)))
    sets = [
        f"{quoted(column.name)} = {_value(number, column.type)}"
        for number, column in enumerate(columns, start)
    ]
    if version is not None:
        name = quoted(version.name)
        times = version.type.name in _TIMES
        sets.append(f"{name} = clock_timestamp()" if times else f"{name} = t$.{name} + 1")
    update = f"UPDATE {source_text(table)} AS t$ SET {', '.join(sets)} WHERE {_where(conditions)}"
    return _one(update, key.name)


def render_delete(table: Source, key: Condition, *, version: Condition | None = None) -> Rendered:
    """A DELETE; its parameters are the key, and the version where there is one."""
    conditions = (key,) if version is None else (key, version)
    return _one(f"DELETE FROM {source_text(table)} AS t$ WHERE {_where(conditions)}", key.name)


def render_exists(table: Source, key: Condition) -> Rendered:
    """Whether there is a row of that key."""
    sql = f"SELECT EXISTS (SELECT FROM {source_text(table)} AS t$ WHERE {_where((key,))})"
    return Rendered(tuple(sql.split(SCHEMA_GAP)))


def render_call(
    function: Source, parameters: Sequence[Assignment], *, column: str | None, many: bool
) -> Rendered:
    """A call by name; it gives the key, or a row for each where it gives many.

    Args:
        function: The function.
        parameters: What is given; its defaults stand for the others.
        column: The column of its rows that is the key; None where its value is.
        many: Whether all its rows are wanted.
    """
    given = ", ".join(
        f"{quoted(p.name)} => {_value(number, p.type)}" for number, p in enumerate(parameters, 1)
    )
    call = f"{source_text(function)}({given})"
    rows = (
        f"SELECT r$.v FROM {call} AS r$(v)"
        if column is None
        else f"SELECT r$.{quoted(column)} FROM {call} AS r$"
    )
    return Rendered(tuple((rows if many else f"SELECT ({rows})").split(SCHEMA_GAP)))


def _one(writing: str, key: str) -> Rendered:
    name = quoted(key)
    sql = f"WITH w$ AS ({writing} RETURNING t$.{name}) SELECT (SELECT {name} FROM w$)"
    return Rendered(tuple(sql.split(SCHEMA_GAP)))


def _where(conditions: Sequence[Condition]) -> str:
    return " AND ".join(
        f"t$.{quoted(condition.name)} = {_value(number, parameter_type(condition.type))}"
        for number, condition in enumerate(conditions, 1)
    )


def _value(number: int, type_: ColumnType) -> str:
    return parameter_text(number, replace(type_, array=False), array=type_.array)

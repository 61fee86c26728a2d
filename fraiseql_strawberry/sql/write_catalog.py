"""What the database says of what may be written: tables, their constraints, functions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, cast

from .column_type import ColumnType

__all__ = [
    "WRITES_SQL",
    "FunctionFacts",
    "Parameter",
    "TableFacts",
    "WriteFacts",
    "WrittenColumn",
]

WRITES_SQL = files("fraiseql_strawberry.sql").joinpath("write_catalog.sql").read_text("utf-8")
"""Reads what may be written; its one argument is `source_names(…)`."""


@dataclass(frozen=True, slots=True)
class WrittenColumn:
    """A column as a statement that writes finds it.

    Args:
        default: Whether it has a value where the statement gives none.
        generated: Whether no statement may give it one.
        not_null: Whether it must have one.
        insert: Whether the application role may give it one in a new row.
        update: Whether the role may change it.
    """

    default: bool = False
    generated: bool = False
    not_null: bool = False
    insert: bool = True
    update: bool = True


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table or a view.

    Args:
        columns: Its columns.
        view: Whether it is a view; the defaults are then those of its table.
        insert: Whether it takes rows.
        update: Whether its rows can be changed.
        delete: Whether its rows can be deleted.
        may_delete: Whether the application role may.
        unique: The columns of each unique index over plain columns.
    """

    columns: Mapping[str, WrittenColumn]
    view: bool = False
    insert: bool = True
    update: bool = True
    delete: bool = True
    may_delete: bool = True
    unique: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument that a function takes."""

    name: str
    type: ColumnType
    optional: bool


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """A function.

    Args:
        parameters: What it takes, in its order.
        schema: Where it was found; None when it is the current schema.
        execute: Whether the application role may call it.
        many: Whether it returns a set.
        columns: The columns of what it returns; empty for a single value.
        void: Whether it returns nothing.
    """

    parameters: tuple[Parameter, ...]
    schema: str | None = None
    execute: bool = True
    many: bool = False
    columns: tuple[str, ...] = ()
    void: bool = False


@dataclass(frozen=True, slots=True)
class WriteFacts:
    """All of it, by the quoted names that were asked for.

    Args:
        tables: Tables and views.
        functions: Functions; one that is overloaded is not among them.
        constraints: (table, constraint or unique index) → its columns.
    """

    tables: Mapping[str, TableFacts] = field(default_factory=dict[str, TableFacts])
    functions: Mapping[str, FunctionFacts] = field(default_factory=dict[str, FunctionFacts])
    constraints: Mapping[tuple[str, str], tuple[str, ...]] = field(
        default_factory=dict[tuple[str, str], tuple[str, ...]]
    )

    @classmethod
    def read(cls, rows: Iterable[Mapping[str, Any]]) -> WriteFacts:
        """Make the facts of the rows that `WRITES_SQL` returned."""
        facts = cls({}, {}, {})
        for row in rows:
            name, fact = cast(str, row["name"]), json.loads(row["fact"])
            match row["kind"]:
                case "table":
                    cast(dict[str, TableFacts], facts.tables)[name] = _table(fact)
                case "function":
                    cast(dict[str, FunctionFacts], facts.functions)[name] = _function(fact)
                case _:
                    columns = tuple(fact["columns"] or ())
                    constraints = cast(dict[tuple[str, str], tuple[str, ...]], facts.constraints)
                    constraints[(fact["table"], name)] = columns
        return facts


def _table(fact: dict[str, Any]) -> TableFacts:
    found: dict[str, dict[str, bool]] = fact["columns"] or {}
    columns = {name: WrittenColumn(**column) for name, column in found.items()}
    indexes: list[list[str]] = fact["unique"] or []
    unique = tuple(map(frozenset[str], indexes))
    return TableFacts(
        columns,
        fact["view"],
        fact["insert"],
        fact["update"],
        fact["delete"],
        fact["may_delete"],
        unique,
    )


def _function(fact: dict[str, Any]) -> FunctionFacts:
    types: list[dict[str, Any]] = fact["arguments"] or []
    names: list[str] = fact["names"] or [""] * len(types)
    modes: list[str] = fact["modes"] or ["i"] * len(names)
    inputs = [name for name, mode in zip(names, modes, strict=True) if mode in "ibv"]
    outputs = [name for name, mode in zip(names, modes, strict=True) if mode in "otb"]
    required = len(types) - fact["defaults"]
    parameters = tuple(
        Parameter(
            name,
            ColumnType(t["name"], t["array"], t["schema"], tuple(t["labels"] or ())),
            place >= required,
        )
        for place, (name, t) in enumerate(zip(inputs, types, strict=True))
    )
    # One column alone is no row: what the function returns is its value.
    columns = tuple(fact["columns"] or ()) or (tuple(outputs) if len(outputs) > 1 else ())
    return FunctionFacts(
        parameters, fact["schema"], fact["execute"], fact["set"], columns, fact["void"]
    )

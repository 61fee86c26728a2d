"""How sources, types and parameters are written: with a gap where a tenant's schema goes."""

from __future__ import annotations

from .catalog import ColumnType, quoted
from .parameters import AS_TEXT
from .source import Source

__all__ = ["SCHEMA_GAP", "parameter_text", "source_text", "type_text"]

SCHEMA_GAP = "\x00"
"""Where the schema of an unqualified name goes; no SQL of ours holds this character otherwise."""


def source_text(source: Source) -> str:
    """A table, view or function."""
    schema = SCHEMA_GAP if source.schema is None else f"{quoted(source.schema)}."
    return schema + quoted(source.name)


def parameter_text(number: int, type_: ColumnType, *, array: bool = False) -> str:
    """A parameter with its cast, so that PostgreSQL and the driver agree on its type.

    Args:
        number: Its number, from 1.
        type_: The type, or that of an array's items.
        array: Whether it is an array.
    """
    brackets = "[]" if array else ""
    if type_.schema == "pg_catalog" and type_.name not in AS_TEXT:
        return f"${number}::{type_.name}{brackets}"
    # For an enum or an extension's type the driver would ask the catalog, per connection,
    # and others it would change on the way: these go as text.
    return f"${number}::text{brackets}::{type_text(type_)}{brackets}"


def type_text(type_: ColumnType) -> str:
    """A type."""
    if type_.schema == "pg_catalog":
        return type_.name
    schema = SCHEMA_GAP if type_.schema is None else f"{quoted(type_.schema)}."
    return schema + quoted(type_.name)

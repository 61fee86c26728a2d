"""The type of a column, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ColumnType"]


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column's type, domains followed to their base and arrays to their element.

    Args:
        name: The name in `pg_type`: "uuid", "int4", "timestamptz".
        array: Whether the column holds an array of it.
        schema: The type's schema; None when it is the current one, such as a tenant's own.
        labels: The labels of an enum type.
    """

    name: str
    array: bool = False
    schema: str | None = "pg_catalog"
    labels: tuple[str, ...] = ()

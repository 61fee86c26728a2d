"""The SQL that announces every change of a table of tenants: to LISTEN, and by a counter."""

from __future__ import annotations

from importlib import resources

__all__ = ["ANNOUNCE_CHANGES"]

_SQL = resources.files("fraiseql_strawberry.registry").joinpath("sql")
ANNOUNCE_CHANGES = (
    resources.files("fraiseql_strawberry.registry")
    .joinpath("sql", "changes.sql")
    .read_text("utf-8")
)
"""To be run once in the database that holds the table, where there is a schema `fraiseql`."""

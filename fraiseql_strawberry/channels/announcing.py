"""The SQL that announces changed rows on a channel."""

from __future__ import annotations

from importlib import resources

__all__ = ["ANNOUNCE_ROWS"]

ANNOUNCE_ROWS = (
    resources.files("fraiseql_strawberry.channels")
    .joinpath("sql", "announce_rows.sql")
    .read_text("utf-8")
)
"""To be run once in each database whose rows are announced, where there is a schema `fraiseql`."""

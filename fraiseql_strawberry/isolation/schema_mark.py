"""Statements of different schemas differ, since the driver keeps them by their text."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["mark", "mark_statements"]

_SCHEMA = "fraiseql_schema"


def mark_statements(engine: AsyncEngine) -> None:
    """Let the statements of an engine name the schema that their transaction is bound to."""
    event.listen(engine.sync_engine, "begin", _unmark)
    event.listen(engine.sync_engine, "before_cursor_execute", _mark_schema, retval=True)


def mark(connection: Connection, schema: str) -> None:
    """Say which schema the connection's transaction is bound to."""
    connection.info[_SCHEMA] = schema


def _unmark(connection: Connection) -> None:
    """A transaction is nobody's until it is bound, whoever the last one was."""
    connection.info.pop(_SCHEMA, None)


def _mark_schema(
    connection: Connection,
    cursor: object,
    statement: str,
    parameters: Any,
    context: object,
    executemany: bool,
) -> tuple[str, Any]:
    """Let statements of different schemas differ, since the driver keeps them by their text.

    A statement that was prepared under another path has that schema's types: an enum of another
    schema's, or an error when they differ (SECURITY.md, schema strategy).
    """
    schema = connection.info.get(_SCHEMA)
    return (f"/* {schema} */ {statement}" if schema else statement), parameters

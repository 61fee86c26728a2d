"""What a migration said to PostgreSQL, taken down so that it can be said again to other tenants.

Alembic needs some milliseconds of Python for each tenant and several round trips; the statements
themselves need one. They may be said again where they depend on nothing but the migration: it read
nothing, was in one transaction, and said the same to another tenant. Whatever cannot be taken for
certain to be so is not, and then Alembic runs for each tenant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import ClauseElement, Connection, Dialect, event, text
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import ExecutableDDLElement
from sqlalchemy.sql.dml import Insert

__all__ = ["Recording"]

Exec = Callable[..., Any]


class Recording:
    """The statements of one run, in their order; or why they cannot be said again."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.obstacle: str | None = None
        self.finished = False
        self._on = False
        self._saying: str | None = None  # what Alembic is saying at the moment
        self._inside = False

    def matches(self, other: Recording) -> bool:
        """Whether both can be said again, and say the same.

        What differs between two tenants holds something of the tenant's: its name, a random
        number, the time.
        """
        return (
            self.obstacle is None
            and other.obstacle is None
            and self.finished
            and other.finished
            and self.statements == other.statements
        )

    def attach(self, context: MigrationContext) -> None:
        """Listen to a run that has not begun yet.

        Alembic says everything through its implementation's `_exec`; what reaches the connection
        without it comes from the migration's own use of the connection. If Alembic went another
        way one day, everything would look like that: slower, and still right.
        """
        impl: Any = context.impl
        connection = context.connection
        assert connection is not None
        impl._exec = self._listening(impl._exec, connection.dialect)
        for name in ("commit", "rollback", "savepoint"):
            event.listen(connection, name, self._not_one_transaction)
        event.listen(connection, "before_cursor_execute", self._heard)

    def start(self) -> None:
        """The first step begins."""
        self._on = True

    def stop(self) -> None:
        """The last step is done."""
        self._on = False
        self.finished = True

    def _give_up(self, reason: str) -> None:
        if self._on and self.obstacle is None:
            self.obstacle = reason

    def _listening(self, execute: Exec, dialect: Dialect) -> Exec:
        def listen(
            construct: Any,
            execution_options: Mapping[str, Any] | None = None,
            multiparams: Sequence[Mapping[str, Any]] | None = None,
            params: Mapping[str, Any] | None = None,
        ) -> Any:
            if self._on:
                self._take_down(construct, multiparams or (), params or {}, dialect)
            self._inside = True
            try:
                result = execute(construct, execution_options, multiparams, params or {})
            finally:
                self._inside = False
            if result is not None and result.returns_rows:
                self._give_up("it reads rows")
            return result

        return listen

    def _take_down(
        self,
        construct: Any,
        rows: Sequence[Mapping[str, Any]],
        params: Mapping[str, Any],
        dialect: Dialect,
    ) -> None:
        said: ClauseElement = text(construct) if isinstance(construct, str) else construct
        try:
            self._saying = None
            if rows:
                self.statements += [_literal(_with_values(said, row), dialect) for row in rows]
            elif params:
                self.statements.append(_literal(_with_values(said, params), dialect))
            else:
                self._saying = _literal(said, dialect)
                self.statements.append(self._saying)
        except (CompileError, NotImplementedError, TypeError) as error:
            self._give_up(f"a value cannot be written down: {error}")

    def _heard(
        self,
        connection: Connection,
        cursor: object,
        statement: str,
        parameters: Any,
        context: object,
        executemany: bool,
    ) -> None:
        if not self._on:
            return
        if not self._inside:
            self._give_up("it uses the connection itself")
        elif self._saying is not None and not parameters and self._saying != statement:
            self._give_up("what was sent is not what was written down")

    def _not_one_transaction(self, *_: object) -> None:
        self._give_up("it is not one transaction")


def _with_values(construct: ClauseElement, values: Mapping[str, Any]) -> ClauseElement:
    if isinstance(construct, Insert):
        return construct.values(dict(values))
    raise TypeError(f"{type(construct).__name__} with parameters")


def _literal(construct: ClauseElement, dialect: Dialect) -> str:
    if isinstance(construct, ExecutableDDLElement):
        return str(construct.compile(dialect=dialect))
    compiled: Any = construct.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    if getattr(compiled, "insert_prefetch", ()) or getattr(compiled, "update_prefetch", ()):
        raise TypeError("a column's default is made in Python")
    return str(compiled)

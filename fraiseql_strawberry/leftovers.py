"""Connections on which no SQL of the application's leaves anything behind.

A resolver or a route may send whatever it likes, and some of it outlives its transaction: a SET, a
role, a LISTEN, an advisory lock, a temporary table, a cursor WITH HOLD. The next request on the
connection, perhaps another tenant's, would find it (SECURITY.md, invariant 5). So whatever ends a
transaction undoes them, in the same message and the same round trip: 20 µs of PostgreSQL's and 5 of
ours, where asyncpg's own `reset()` would be a round trip more.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar, cast

import asyncpg
from asyncpg.exceptions import PostgresError

from .sql.setting import set_calls

__all__ = ["ClearedConnection", "behind_pooler"]

_log = logging.getLogger("fraiseql_strawberry")

# asyncpg's own texts: savepoints have others, and a read of one round trip sends none.
_ENDS = frozenset({"COMMIT;", "ROLLBACK;"})
# asyncpg's reset leaves the role (SECURITY.md, the seven, 5) and temporary tables as they are.
_CLEAR = "RESET ROLE; CLOSE ALL; UNLISTEN *; DISCARD TEMP"
_UNLOCK = "pg_advisory_unlock_all()"


class ClearedConnection(asyncpg.Connection):
    """Takes back, with COMMIT and ROLLBACK, whatever would outlive the transaction.

    For an engine of your own: `connect_args={"connection_class": ClearedConnection}`. Settings go
    back to what they were when the connection was made, so give those that shall stay as
    `server_settings`, and not by SET.
    """

    __slots__ = ()

    # First of all: a statement_timeout of the session's own must not end what follows.
    clearing: ClassVar[str] = f"RESET ALL; {_CLEAR}; SELECT {_UNLOCK}"

    async def execute(self, query: str, *args: Any, **options: Any) -> str:
        """Override of asyncpg's, which its transactions end themselves with."""
        if query not in _ENDS:
            return await super().execute(query, *args, **options)
        try:
            return await super().execute(f"{query} {self.clearing}", **options)
        except PostgresError:
            # The commit failed, and PostgreSQL reads no further: an advisory lock is still held.
            await self._clear()
            raise

    async def _clear(self) -> None:
        if self.is_closed():
            return
        try:
            await super().execute(self.clearing)
        except (PostgresError, OSError, TimeoutError) as error:
            _log.error("a connection could not be cleared, and is closed", exc_info=error)
            self.terminate()


_C = TypeVar("_C", bound=type[ClearedConnection])


def behind_pooler(kind: _C, setting: str, kept: Mapping[str, str]) -> _C:
    """The class of connections to a pooler, which has SET its clients' settings itself.

    RESET ALL would take those too, the encoding for one: so what goes is what decides who sees
    what, and what we have set ourselves is set again.

    Args:
        kind: The class without a pooler.
        setting: The setting that policies read.
        kept: What was set when the connection was made.
    """
    names = [name for name in (setting, "search_path", "row_security") if name not in kept]
    resets = "; ".join(f"RESET {name}" for name in names)
    calls = ", ".join((*set_calls(kept, local=False), _UNLOCK))
    clearing = f"{resets}; {_CLEAR}; SELECT {calls}"
    pooled = type(f"Pooled{kind.__name__}", (kind,), {"__slots__": (), "clearing": clearing})
    return cast(_C, pooled)

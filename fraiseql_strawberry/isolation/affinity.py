"""A pool in which tenants come back to the connections that know their schema.

A back-end keeps what it has learnt of a schema: some 45 KB for each prepared statement, and as much
again for the tables. With 2,000 schemas on ten connections, each would learn all of them, and keep
only the latest. So each connection has a slot, and whoever wants that slot is given it when it is
idle. A connection that has seen very many schemas is closed when it comes back, since PostgreSQL
never forgets a table: memory is bounded by that, not by luck.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, cast
from zlib import crc32

from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from sqlalchemy.util.queue import AsyncAdaptedQueue

__all__ = ["MAX_SCHEMAS", "AffinityPool", "home_of", "note", "slots_of", "wanted"]

MAX_SCHEMAS = 1_500
"""How many schemas one connection serves before it is closed."""

_SLOT = "fraiseql_slot"
_SEEN = "fraiseql_schemas"

_wanted: ContextVar[int | None] = ContextVar("fraiseql_wanted", default=None)


@lru_cache(20_000)
def slots_of(schema: str, slots: int) -> tuple[int, int]:
    """The two slots of a schema: always the same for as many slots.

    Args:
        schema: The schema.
        slots: How many slots there are.
    """
    digest = crc32(schema.encode())
    return digest % slots, digest // slots % slots


@contextmanager
def wanted(slot: int) -> Generator[None]:
    """Connections that are checked out in this block are rather of that slot."""
    before = _wanted.get()
    _wanted.set(slot)
    try:
        yield
    finally:
        _wanted.set(before)  # no token: the block may end in another context than it began in


def note(connection: Any, schema: str) -> None:
    """Remember that a connection serves a schema.

    Args:
        connection: What was checked out.
        schema: The schema.
    """
    connection.info.setdefault(_SEEN, set()).add(schema)


def home_of(connection: Any) -> int | None:
    """The slot of a connection.

    Args:
        connection: What was checked out.
    """
    return connection.record_info.get(_SLOT)


class _Idle(asyncio.LifoQueue[Any]):
    """Idle connections; the one of the wanted slot first, else the one used last."""

    _queue: list[Any]

    def _get(self) -> Any:
        slot = _wanted.get()
        if slot is not None:
            for at, entry in enumerate(self._queue):
                if entry.record_info.get(_SLOT) == slot:
                    return self._queue.pop(at)
        return super()._get()


class _Queue(AsyncAdaptedQueue[Any]):
    """SQLAlchemy's queue, over idle connections that have slots."""

    @property
    def _queue(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        # Made on first use, so that it belongs to the loop that uses it.
        found: Any = self.__dict__.get("_idle")
        if found is None:
            found = self.__dict__["_idle"] = _Idle(self.maxsize)
        return found

    @property
    def idle(self) -> Sequence[Any]:
        """The entries that nobody has."""
        return self._queue._queue


class AffinityPool(AsyncAdaptedQueuePool):
    """SQLAlchemy's pool, with a slot for each connection; nothing else of it changes."""

    _queue_class = _Queue

    def _do_get(self) -> ConnectionPoolEntry:
        slot = _wanted.get()
        return (None if slot is None else self._new(slot)) or super()._do_get()

    def _new(self, slot: int) -> ConnectionPoolEntry | None:
        """A new connection for a slot that has none, while the pool is not full."""
        slots: set[int] = self.__dict__.setdefault("_slots", set())
        if slot in slots:
            return None
        for entry in cast(_Queue, self._pool).idle:
            if _SLOT not in _record_info(entry):  # made when nobody wanted a slot
                _record_info(entry)[_SLOT] = slot
                slots.add(slot)
                return None
        if self._overflow >= 0 or not self._inc_overflow():
            return None
        slots.add(slot)
        try:
            entry = self._create_connection()
        except BaseException:
            slots.discard(slot)
            self._dec_overflow()
            raise
        _record_info(entry)[_SLOT] = slot
        return entry

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        if len(record.info.get(_SEEN, ())) > MAX_SCHEMAS:
            record.invalidate()  # it is connected anew when it is needed next
        if self._pool.full():  # then it is closed for good
            self.__dict__.get("_slots", set()).discard(_record_info(record).get(_SLOT))
        super()._do_return_conn(record)


def _record_info(entry: ConnectionPoolEntry) -> dict[Any, Any]:
    assert entry.record_info is not None
    return entry.record_info

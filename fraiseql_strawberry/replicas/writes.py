"""Which tenants wrote lately, and how far a replica must have come to show it.

Every transaction that writes has an id. A replica whose snapshots begin beyond that id shows what
the transaction wrote: `pg_snapshot_xmin` is the oldest transaction that may still be under way
(https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT). The id is
known before the COMMIT is sent, so that a commit whose answer is lost counts as well.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from asyncpg import exceptions as postgres
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["RecentWrites", "mark"]

_XID = "SELECT pg_current_xact_id_if_assigned()::text::bigint"
_TENANT = "fraiseql_tenant"
_CAPACITY = 10_000


def mark(connection: Connection, tenant_id: str) -> None:
    """Say whose transaction has just begun on a connection."""
    connection.info[_TENANT] = tenant_id


class _Write(NamedTuple):
    xid: int
    at: float


class RecentWrites:
    """Remembers each tenant's latest write that this process has committed.

    Args:
        seconds: For how long a write may be missing on a server that cannot say whether it has it,
            such as a logical replica.
        capacity: How many tenants are remembered. Beyond that a replica must have come as far as
            the oldest that was forgotten, for any tenant.
        clock: Seconds that never go backwards.
    """

    def __init__(
        self,
        seconds: float,
        *,
        capacity: int = _CAPACITY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._capacity = capacity
        self._clock = clock
        self._latest: OrderedDict[str, _Write] = OrderedDict()
        self._forgotten = _Write(0, float("-inf"))

    def note(self, tenant_id: str, xid: int) -> None:
        """Remember that a transaction of the tenant's wrote and is about to be committed.

        Args:
            tenant_id: The canonical tenant.
            xid: The transaction's id.
        """
        before = self._latest.pop(tenant_id, self._forgotten)
        self._latest[tenant_id] = _Write(max(xid, before.xid), self._clock())
        if len(self._latest) > self._capacity:
            _, oldest = self._latest.popitem(last=False)
            self._forgotten = _later(self._forgotten, oldest)

    async def note_transaction(self, driver: Any, tenant_id: str) -> None:
        """Remember the transaction that a connection is in, if it wrote; it is to be committed.

        Args:
            driver: asyncpg's connection.
            tenant_id: The canonical tenant.
        """
        xid = await _xid(driver)
        if xid is not None:
            self.note(tenant_id, xid)

    def seen_by(self, tenant_id: str, xmin: int | None) -> bool:
        """Whether a server shows all that the tenant wrote.

        Args:
            tenant_id: The canonical tenant.
            xmin: The oldest transaction that the server may still be waiting for; None where its
                ids are not the primary's, so that only time tells.
        """
        latest = _later(self._latest.get(tenant_id, self._forgotten), self._forgotten)
        if xmin is None:
            return self._clock() - latest.at >= self._seconds
        return xmin > latest.xid

    def watch(self, engine: AsyncEngine) -> None:
        """Note what is committed on the primary from now on.

        Args:
            engine: The primary's.
        """
        event.listen(engine.sync_engine, "commit", self._committing)

    def unwatch(self, engine: AsyncEngine) -> None:
        """Note no more: the engine may be the application's own, and live on."""
        if event.contains(engine.sync_engine, "commit", self._committing):
            event.remove(engine.sync_engine, "commit", self._committing)

    def _committing(self, connection: Connection) -> None:
        tenant_id: str | None = connection.info.pop(_TENANT, None)
        if tenant_id is None:
            return
        dbapi_connection: Any = connection.connection.dbapi_connection
        try:
            xid: int | None = dbapi_connection.run_async(_xid)
        except BaseException:
            connection.invalidate()  # cut or cancelled: it goes back to nobody
            raise
        if xid is not None:
            self.note(tenant_id, xid)


async def _xid(driver: Any) -> int | None:
    if not driver.is_in_transaction():
        return None  # nothing was sent in it
    try:
        return await driver.fetchval(_XID)
    except postgres.InFailedSQLTransactionError:
        return None  # its COMMIT will be a ROLLBACK


def _later(one: _Write, other: _Write) -> _Write:
    return _Write(max(one.xid, other.xid), max(one.at, other.at))

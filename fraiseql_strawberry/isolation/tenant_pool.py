"""The pool of one tenant's engine: a few connections, each on a permit of the budget.

It is SQLAlchemy's pool by its interface and by what it keeps for each connection; who gets one is
decided here, in order of arrival, with what the budget and the server say. A connection that is
given back goes to the next who waits in this pool, unless another tenant has waited for too long.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections import deque
from functools import partial
from typing import Any, NamedTuple, Self

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util.concurrency import await_, greenlet_spawn

from ..errors import TenancyError, TenantBusy
from .membership import Membership
from .waiting import WaitingLine

__all__ = ["TenantPool"]

_log = logging.getLogger("fraiseql_strawberry")

_PATIENCE = 0.02  # seconds that others wait before this tenant closes connections for them
_CLOSE_SECONDS = 2.0


class _Idle(NamedTuple):
    entry: ConnectionPoolEntry
    since: float


class TenantPool(AsyncAdaptedQueuePool):
    """A pool on a budget; its size is the most connections that its tenant may have.

    It must `join` before it is used.
    """

    _membership: Membership
    _line: WaitingLine[ConnectionPoolEntry | None]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._idle: deque[_Idle] = deque()  # oldest first
        self._used = 0  # in use, in the making, or being closed
        self._closing: set[asyncio.Task[None]] = set()
        self._retired = False

    def join(self, membership: Membership) -> None:
        """Live on a budget."""
        self._membership = membership
        self._line = WaitingLine(membership.timeout)
        membership.server.watch(self)
        membership.tenant.watch(self)

    # -- in and out -------------------------------------------------------------------------------

    async def acquire(self) -> ConnectionPoolEntry:
        """Take a connection: idle, new, or the next that is given back.

        SQLAlchemy's own check-out takes the same, and puts a proxy around it.

        Raises:
            TenantBusy: None became free in time.
            ServiceUnavailable: The server cannot be reached.
        """
        entry = self._take_idle()
        if entry is not None:
            return entry
        if not self._used:  # else one may still be given back
            self._membership.refuse()
        if not self._line and self._openings and self._membership.budget.take():
            self._begin()
        else:
            entry = await self._line.wait(self._began_to_wait, self._late, self._undo)
            if entry is not None:
                return entry
        return await self._make()

    def release(self, entry: ConnectionPoolEntry) -> None:
        """Give a connection back that is between two transactions, or broken."""
        budget = self._membership.budget
        if not self._is_good(entry):
            self.discard(entry)
        elif self._line:
            if budget.is_owed_by(self):
                budget.reclaiming()
                self._close(entry, reclaimed=True)
            else:
                self._line.serve(entry)
        elif self._retired:
            self.discard(entry)
        else:
            self._used -= 1
            self._idle.append(_Idle(entry, time.monotonic()))
            budget.holds_idle(self)

    def discard(self, entry: ConnectionPoolEntry) -> None:
        """Give a connection back that nobody may use again: it is closed in the background."""
        self._close(entry, reclaimed=False)

    def cut(self, entry: ConnectionPoolEntry) -> None:
        """Give a connection back that was cut: what cut it has cut the idle ones as well."""
        self._invalidate_time = time.time()
        self.discard(entry)

    @property
    def connections(self) -> int:
        """How many there are: idle, in use, in the making or being closed."""
        return self._used + len(self._idle)

    def close_idle(self, since: float | None = None) -> None:
        """Close idle connections in the background.

        Args:
            since: Only those that are idle since then, by `time.monotonic`; all by default.
        """
        while self._idle and (since is None or self._idle[0].since <= since):
            self._used += 1
            self.discard(self._idle.popleft().entry)
        if not self._idle:
            self._membership.budget.holds_none(self)

    def retire(self) -> None:
        """Keep no connection from now on: those in use are closed when they are given back."""
        self._retired = True
        self.close_idle()

    async def settled(self) -> None:
        """Wait until the connections that are being closed are closed."""
        while self._closing:
            await asyncio.wait(self._closing)

    def fail_waiting(self, error: TenancyError) -> None:
        """Answer all who wait with an error, rather than let each find out by itself."""
        self._line.fail(error)

    # -- what the budget asks ---------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether anybody waits (see `Member.waits`)."""
        return bool(self._line)

    @property
    def wants(self) -> int:
        """How many connections could be made for those who wait (see `Member.wants`)."""
        return min(len(self._line), self._openings)

    @property
    def overdue(self) -> bool:
        """Whether the first has waited for long (see `Member.overdue`)."""
        since = self._line.since
        return since is not None and time.monotonic() - since >= _PATIENCE

    def grant(self) -> None:
        """Let the first make a connection (see `Member.grant`)."""
        self._begin()
        self._line.serve(None)

    def reclaim(self) -> bool:
        """Close the oldest idle connection for somebody (see `Member.reclaim`)."""
        while self._idle:
            entry = self._idle.popleft().entry
            if self._is_open(entry):
                self._used += 1
                self._membership.budget.reclaiming()
                self._close(entry, reclaimed=True)
                break
            self._bury(entry)
        return bool(self._idle)

    # -- within -----------------------------------------------------------------------------------

    @property
    def _openings(self) -> int:
        return min(self.size() - self.connections, self._membership.openings)

    def _take_idle(self) -> ConnectionPoolEntry | None:
        while self._idle:
            entry = self._idle.pop().entry  # the newest, so that the others may grow old
            if not self._idle:
                self._membership.budget.holds_none(self)
            self._used += 1
            if self._is_good(entry):
                return entry
            self.discard(entry)
        return None

    def _is_good(self, entry: ConnectionPoolEntry) -> bool:
        # `_invalidate_time`: another connection was cut after this one was made, so the server
        # may have been restarted.
        made = getattr(entry, "last_connect_time", 0.0)
        return self._is_open(entry) and made > self._invalidate_time

    @staticmethod
    def _is_open(entry: ConnectionPoolEntry) -> bool:
        driver = entry.driver_connection
        return driver is not None and not driver.is_closed()

    def _begin(self) -> None:
        self._used += 1
        self._membership.begin()

    async def _make(self) -> ConnectionPoolEntry:
        membership = self._membership
        membership.permit = True
        try:
            entry = await greenlet_spawn(self._create_connection)
        except BaseException:
            if membership.permit:  # whatever failed came before the socket
                membership.permit = False
                self._undo(None)
            else:
                self._not_made()
            raise
        membership.end()
        membership.budget.settle()
        return entry

    def _not_made(self) -> None:
        self._used -= 1
        self._membership.end()
        self._membership.budget.settle()
        self._tell_forsaken()

    def _began_to_wait(self) -> None:
        self._membership.budget.wait_for(self)

    def _late(self) -> TenantBusy:
        if self.connections < self.size():
            return self._membership.why_none()
        return TenantBusy(
            hint=f"the tenant's {self.size()} connections are all in use: "
            "[multitenancy.routing] connections_per_tenant"
        )

    def _undo(self, given: ConnectionPoolEntry | None) -> None:
        if given is not None:
            self.release(given)
        else:
            self._membership.budget.give_back()
            self._not_made()

    def _close(self, entry: ConnectionPoolEntry, *, reclaimed: bool) -> None:
        """Close a connection that counts as used; its place is free once that is done."""
        if not self._is_open(entry):
            self._bury(entry)
            self._closed(reclaimed=reclaimed)
            return
        driver: Any = entry.driver_connection
        # A fresh context: the tenant of whoever happens to be running is not this task's.
        task = asyncio.get_running_loop().create_task(
            self._close_driver(driver, reclaimed=reclaimed), context=contextvars.Context()
        )
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    @staticmethod
    def _bury(entry: ConnectionPoolEntry) -> None:
        """Let a connection that was lost tell its listeners, which give its permit back.

        Where asyncpg lost it between its own log-in and our first look, or gave it up itself,
        nobody has been told.
        """
        driver: Any = entry.driver_connection
        if driver is not None:
            driver.terminate()

    async def _close_driver(self, driver: Any, *, reclaimed: bool) -> None:
        try:
            await driver.close(timeout=_CLOSE_SECONDS)
        except Exception as error:  # noqa: BLE001 - asyncpg has dropped the socket all the same
            _log.debug("a tenant's connection was not closed in good order: %r", error)
        finally:
            # After the permit is given back, which asyncpg has put in the loop's queue: else
            # another connection would be closed in vain.
            asyncio.get_running_loop().call_soon(partial(self._closed, reclaimed=reclaimed))

    def _closed(self, *, reclaimed: bool) -> None:
        self._used -= 1
        if reclaimed:
            self._membership.budget.reclaimed()
        else:
            self._membership.budget.settle()
        self._tell_forsaken()

    def _tell_forsaken(self) -> None:
        """Answer those who waited for a connection that is gone, while no other may be made.

        Nothing would wake them when the gate opens again; and who comes now is refused as well.
        """
        if self._line and not self.connections:
            try:
                self._membership.refuse()
            except TenancyError as error:
                self._line.fail(error)

    # -- SQLAlchemy's side ------------------------------------------------------------------------

    def _do_get(self) -> ConnectionPoolEntry:
        return await_(self.acquire())

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        self.release(record)

    def recreate(self) -> Self:
        """A pool like this one, for an engine that was disposed of."""
        pool = super().recreate()
        assert isinstance(pool, type(self))
        pool.join(self._membership)
        return pool

    def dispose(self) -> None:
        """Close what is idle now, and what is in use when it is given back."""
        self.retire()

    def checkedin(self) -> int:
        """How many connections are idle."""
        return len(self._idle)

    def checkedout(self) -> int:
        """How many are in use, in the making or being closed."""
        return self._used

    def overflow(self) -> int:
        """There is none beyond the tenant's share."""
        return 0

    def status(self) -> str:
        """For SQLAlchemy's log."""
        return f"size {self.size()}, idle {len(self._idle)}, used {self._used}"

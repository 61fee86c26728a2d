"""Tenant → status and placement: cached, asked once however many requests wait."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from ..errors import TenancyError, TenantUnavailable
from ..tenant import Tenant, TenantStatus
from .outage import Outage

__all__ = ["Registry"]

Fetch = Callable[[str], Awaitable[Tenant | None]]
Watcher = Callable[[str | None], object]
_Value = TypeVar("_Value")

_log = logging.getLogger("fraiseql_strawberry")

_NEVER = float("-inf")

# An answer is asked for again in the background once so much of its time has passed, tenant by
# tenant at another moment: no request waits for it, and they do not all come at once.
_RENEW_FROM, _RENEW_SPREAD = 0.75, 0.15

# A tenant that is created right after somebody asked for it is not refused for a whole minute.
_UNKNOWN_SECONDS = 5.0


class _Known:
    """What is known of one tenant that exists; times are the clock's.

    Args:
        tenant: The tenant.
        read_at: When it was asked for.
        refresh: How long it is believed, in seconds.
    """

    __slots__ = ("expires", "read_at", "renew_at", "served_until", "tenant")

    def __init__(self, tenant: Tenant, read_at: float, refresh: float) -> None:
        self.tenant = tenant
        self.read_at = read_at
        self.expires = read_at + refresh
        spread = _RENEW_SPREAD * (hash(tenant.id) & 0xFF) / 0xFF
        self.renew_at = read_at + refresh * (_RENEW_FROM + spread)
        self.served_until = self.renew_at if tenant.active else _NEVER

    def doubt(self) -> None:
        """Believe it no more, though it may serve while the registry is down."""
        self.expires = self.served_until = _NEVER


class Registry:
    """Answers whether a tenant is served, and where it is.

    It belongs to one event loop.

    Args:
        source_fetch: Reads one tenant from where it is written down; None when there is none.
        refresh_seconds: How long an answer is believed, in seconds.
        stale_seconds: How old what is known of an active tenant may be to serve it while the
            registry does not answer, in seconds.
        capacity: How many tenants are remembered; the least recently used goes first.
        unknown_capacity: How many ids are remembered that no tenant has. They are kept apart, so
            that a flood of random ids drives out no tenant.
        patience: Seconds after which a read that has not ended counts as having no answer. It
            is longer than a wait for a connection, which has a limit and an error of its own.
        clock: Seconds that never go backwards.
    """

    def __init__(
        self,
        source_fetch: Fetch,
        *,
        refresh_seconds: float = 60.0,
        stale_seconds: float = 900.0,
        capacity: int = 10_000,
        unknown_capacity: int = 1_000,
        patience: float = 6.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = source_fetch
        self._refresh = refresh_seconds
        self._stale = stale_seconds
        self._capacity = capacity
        self._unknown_capacity = unknown_capacity
        self._patience = patience
        self._clock = clock
        self._outage = Outage(clock)
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()
        # The read whose answer will be kept. What is invalidated is taken out: the read goes on
        # for whoever waits for it already, nobody else joins it, and its answer is not kept.
        self._reads: dict[str, asyncio.Task[Tenant | None]] = {}
        self._tasks: set[asyncio.Task[Tenant | None]] = set()
        self._watchers: list[Watcher] = []

    # -- asking -------------------------------------------------------------------------------

    def peek(self, tenant_id: str) -> Tenant | None:
        """The active tenant if it is known and fresh, without waiting for anything."""
        entry = self._known.get(tenant_id)
        if entry is None or entry.served_until <= self._clock():
            return None
        return entry.tenant

    async def get(self, tenant_id: str) -> Tenant | None:
        """The tenant, whatever its status, or None when it is unknown.

        Raises:
            ServiceUnavailable: When the registry does not answer and too little is known.
            TenantBusy: When no connection to it became free in time.
        """
        now = self._clock()
        entry = self._known.get(tenant_id)
        if entry is not None and now < entry.expires:
            self._known.move_to_end(tenant_id)
            if now >= entry.renew_at and self._may_ask():
                self._read(tenant_id)
            return entry.tenant
        if self._unknown.get(tenant_id, _NEVER) > now:
            self._unknown.move_to_end(tenant_id)
            return None
        if not self._outage.lasts:
            try:
                return await self._answer(tenant_id)
            except TenancyError:
                stale = self._stale_answer(tenant_id)
                if stale is None:
                    raise
                return stale
        stale = self._stale_answer(tenant_id)
        if self._may_ask():
            if stale is None:
                return await self._answer(tenant_id)
            self._read(tenant_id)
        if stale is None:
            raise self._outage.error()
        return stale

    async def admit(self, tenant_id: str) -> Tenant:
        """The tenant, if it is served.

        Raises:
            TenantUnavailable: Unknown, suspended or archived: the same for all, so that nobody
                learns which.
            ServiceUnavailable: When the registry does not answer and too little is known.
            TenantBusy: When no connection to it became free in time.
        """
        tenant = await self.get(tenant_id)
        if tenant is None or not tenant.active:
            raise TenantUnavailable(
                hint=f"tenant {tenant_id} is {'unknown' if tenant is None else tenant.status}"
            )
        return tenant

    # -- changes ------------------------------------------------------------------------------

    def forget(self, tenant_id: str | None = None) -> None:
        """Ask again for one tenant, or for all of them.

        Of the one that is named something is known to have changed, so it is not served again
        before the registry has answered. If it is all of them, only the registry's answers may
        have been missed: while it is down, they are served as before.
        """
        if tenant_id is None:
            self._reads.clear()
            self._unknown.clear()
            for entry in self._known.values():
                entry.doubt()
        else:
            self._drop(tenant_id)
        self._tell(tenant_id)

    def set_status(self, tenant_id: str, status: TenantStatus) -> None:
        """Make a status that has just been written down effective at once, in this process.

        Args:
            tenant_id: The canonical id.
            status: The new status.
        """
        entry = self._known.get(tenant_id)
        self._drop(tenant_id)
        if status is not TenantStatus.ACTIVE:  # else the next request asks what changed with it
            known = entry.tenant if entry is not None else Tenant(tenant_id)
            self._keep(tenant_id, replace(known, status=status), self._clock())
        self._tell(tenant_id)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Be told whenever what is known of a tenant is invalid, or turns out to have changed.

        Args:
            watcher: Called on the loop with the tenant's id, or None for all. It must not block.

        Returns:
            What ends it.
        """
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    async def close(self) -> None:
        """End the reads that are under way."""
        tasks = list(self._tasks)
        self._reads.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _drop(self, tenant_id: str) -> None:
        self._reads.pop(tenant_id, None)
        self._unknown.pop(tenant_id, None)
        self._known.pop(tenant_id, None)

    def _tell(self, tenant_id: str | None) -> None:
        for watcher in tuple(self._watchers):
            try:
                watcher(tenant_id)
            except Exception:  # noqa: BLE001 - whatever a watcher does wrong
                _log.exception("a watcher of the registry failed: %r", watcher)

    # -- reading ------------------------------------------------------------------------------

    def _stale_answer(self, tenant_id: str) -> Tenant | None:
        entry = self._known.get(tenant_id)
        if entry is None or not entry.tenant.active:
            return None
        return entry.tenant if self._clock() < entry.read_at + self._stale else None

    def _may_ask(self) -> bool:
        # While it is down, one read at a time, with a pause between them: no request waits for a
        # connection that others have just found dead.
        return not self._outage.lasts or not (self._tasks or self._outage.rests)

    async def _answer(self, tenant_id: str) -> Tenant | None:
        # One waiter's cancellation must not cancel the answer of the others.
        return await asyncio.shield(self._read(tenant_id))

    def _read(self, tenant_id: str) -> asyncio.Task[Tenant | None]:
        task = self._reads.get(tenant_id)
        if task is None:
            # A fresh context: the first waiter's tenant and leases are not this task's.
            task = asyncio.get_running_loop().create_task(
                self._load(tenant_id), context=contextvars.Context()
            )
            self._reads[tenant_id] = task
            self._tasks.add(task)
            task.add_done_callback(lambda task: self._ended(tenant_id, task))
        return task

    def _ended(self, tenant_id: str, task: asyncio.Task[Tenant | None]) -> None:
        self._tasks.discard(task)
        if self._reads.get(tenant_id) is task:
            del self._reads[tenant_id]
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, TenancyError):
            # In the background nobody waits for it. The outage has logged the others.
            _log.error("a tenant cannot be read from the registry", exc_info=error)

    async def _load(self, tenant_id: str) -> Tenant | None:
        asked_at = self._clock()
        with self._outage.asking():
            async with asyncio.timeout(self._patience):
                tenant = await self._fetch(tenant_id)
        if self._reads.get(tenant_id) is asyncio.current_task():
            self._keep(tenant_id, tenant, asked_at)
        return tenant

    def _keep(self, tenant_id: str, tenant: Tenant | None, read_at: float) -> None:
        before = self._known.get(tenant_id)
        if tenant is None:
            self._known.pop(tenant_id, None)
            expires = read_at + min(self._refresh, _UNKNOWN_SECONDS)
            _put(self._unknown, tenant_id, expires, self._unknown_capacity)
        else:
            self._unknown.pop(tenant_id, None)
            entry = _Known(tenant, read_at, self._refresh)
            _put(self._known, tenant_id, entry, self._capacity)
        if before is not None and _differs(before.tenant, tenant):
            self._tell(tenant_id)


def _put(cache: OrderedDict[str, _Value], key: str, value: _Value, capacity: int) -> None:
    cache[key] = value
    cache.move_to_end(key)
    while len(cache) > capacity:
        cache.popitem(last=False)


def _differs(before: Tenant, after: Tenant | None) -> bool:
    # Tenants compare without their placement: who it is does not depend on where it is.
    return after is None or before != after or before.placement != after.placement

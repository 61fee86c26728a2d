"""Tenant → status and placement: cached, asked once however many requests wait."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from .errors import TenantUnavailable
from .tenant import Tenant

__all__ = ["Registry"]

Fetch = Callable[[str], Awaitable[Tenant | None]]

# Unknown ids are remembered too, or a flood of random ones would be a flood of queries; the
# bound keeps that flood from filling the memory (SECURITY.md, registry).
_CAPACITY = 10_000


class Registry:
    """Answers whether a tenant is served.

    Args:
        fetch: Reads one tenant from where it is kept; None when there is none.
        refresh_seconds: How long an answer is believed, in seconds.
        capacity: How many answers are kept; the least recently used goes first.
        clock: Seconds that never go backwards.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        refresh_seconds: float = 60.0,
        capacity: int = _CAPACITY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._refresh = refresh_seconds
        self._capacity = capacity
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Tenant | None]] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Tenant | None]] = {}
        self._generation = 0

    def peek(self, tenant_id: str) -> Tenant | None:
        """The active tenant if it is known and fresh, without waiting for anything."""
        entry = self._known.get(tenant_id)
        if entry is None or entry[0] <= self._clock():
            return None
        tenant = entry[1]
        return tenant if tenant is not None and tenant.active else None

    async def get(self, tenant_id: str) -> Tenant | None:
        """The tenant, whatever its status, or None when it is unknown."""
        entry = self._known.get(tenant_id)
        if entry is not None and entry[0] > self._clock():
            self._known.move_to_end(tenant_id)
            return entry[1]
        task = self._under_way.get(tenant_id)
        if task is None:
            # A fresh context: the first waiter's tenant and leases are not this task's.
            task = asyncio.get_running_loop().create_task(
                self._load(tenant_id), context=contextvars.Context()
            )
            self._under_way[tenant_id] = task
            task.add_done_callback(lambda _: self._under_way.pop(tenant_id, None))
        # One waiter's cancellation must not cancel the answer of the others.
        return await asyncio.shield(task)

    async def admit(self, tenant_id: str) -> Tenant:
        """The tenant, if it is served.

        Raises:
            TenantUnavailable: Unknown, suspended or archived: the same for all, so that nobody
                learns which.
        """
        tenant = await self.get(tenant_id)
        if tenant is None or not tenant.active:
            raise TenantUnavailable(
                hint=f"tenant {tenant_id} is {'unknown' if tenant is None else tenant.status}"
            )
        return tenant

    def forget(self, tenant_id: str | None = None) -> None:
        """Ask again for one tenant, or for all of them."""
        self._generation += 1
        if tenant_id is None:
            self._known.clear()
        else:
            self._known.pop(tenant_id, None)

    async def _load(self, tenant_id: str) -> Tenant | None:
        generation = self._generation
        tenant = await self._fetch(tenant_id)
        if generation != self._generation:
            return tenant  # something changed while it was read: true now, not to be kept
        self._known[tenant_id] = (self._clock() + self._refresh, tenant)
        self._known.move_to_end(tenant_id)
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)
        return tenant

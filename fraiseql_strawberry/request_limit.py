"""How many requests a tenant may make in a period: a token bucket for each, in this process.

The bucket is one number, the time at which it will be full again (the generic cell rate algorithm,
ITU-T I.371): no timer fills it, and a tenant whose bucket is full need not be remembered.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from .errors import RateLimited

__all__ = ["RequestLimit"]

_TENANTS = 100_000


class RequestLimit:
    """Refuses what a tenant asks beyond its rate.

    Args:
        requests: How many requests are made up for in a period.
        period: Seconds.
        burst: How many may come at once.
        capacity: How many tenants are remembered; then those go first whose bucket is full, and
            after them those not heard of for the longest.
        clock: Seconds that never go backwards.
    """

    def __init__(
        self,
        requests: int,
        period: float,
        *,
        burst: int | None = None,
        capacity: int = _TENANTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = period / requests
        self._depth = (burst or requests) * self._interval
        self._capacity = capacity
        self._clock = clock
        self._full_at: dict[str, float] = {}  # in the order of the latest requests

    def __len__(self) -> int:
        return len(self._full_at)

    def spend(self, tenant_id: str, count: int = 1) -> None:
        """Count requests of a tenant; what is refused counts for nothing.

        Args:
            tenant_id: The canonical tenant, verified.
            count: How many; no number of them ever fits that is above the burst.

        Raises:
            RateLimited: With the seconds after which as many would be served.
        """
        now = self._clock()
        full_at = self._full_at.pop(tenant_id, now)
        later = max(full_at, now) + count * self._interval
        wait = later - now - self._depth
        if wait > 1e-9:
            self._full_at[tenant_id] = full_at
            raise RateLimited(
                hint=f"tenant {tenant_id}: [multitenancy.limits] requests",
                retry_after=max(1, math.ceil(wait)),
            )
        self._full_at[tenant_id] = later
        if len(self._full_at) > self._capacity:
            self._forget(now)

    def _forget(self, now: float) -> None:
        kept = {tenant: at for tenant, at in self._full_at.items() if at > now}
        for tenant in list(kept)[: max(0, len(kept) - self._capacity * 9 // 10)]:
            del kept[tenant]
        self._full_at = kept

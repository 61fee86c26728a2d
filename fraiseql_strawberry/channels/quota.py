"""How many subscriptions a tenant may have open at a time."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from ..errors import TenantBusy

__all__ = ["SubscriptionQuota"]


class SubscriptionQuota:
    """Counts the open subscriptions of each tenant in this process.

    Args:
        limit: How many one tenant may have.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(self._open.values())

    @contextmanager
    def one_of(self, tenant_id: str) -> Generator[None]:
        """Count one for the block.

        Raises:
            TenantBusy: When there are too many already.
        """
        count = self._open.get(tenant_id, 0)
        if count >= self._limit:
            raise TenantBusy(
                hint=f"tenant {tenant_id} has {count} subscriptions open already: "
                "[multitenancy.limits] subscriptions"
            )
        self._open[tenant_id] = count + 1
        try:
            yield
        finally:
            self._open[tenant_id] -= 1
            if not self._open[tenant_id]:
                del self._open[tenant_id]

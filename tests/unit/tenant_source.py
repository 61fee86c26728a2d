"""Where tenants are kept in the tests of the registry, and their time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fraiseql_strawberry.tenant import Tenant


class Source:
    """Knows some tenants; counts how often it is asked, and may be slow or down.

    Args:
        tenants: The tenants.
        look: Called with each question, for what it sees of its surroundings.
    """

    def __init__(self, *tenants: Tenant, look: Callable[[], object] = object) -> None:
        self.tenants = {tenant.id: tenant for tenant in tenants}
        self.asked: list[str] = []
        self.seen: list[object] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.down: type[Exception] | None = None
        self._look = look

    async def fetch(self, tenant_id: str) -> Tenant | None:
        self.asked.append(tenant_id)
        self.seen.append(self._look())
        tenant = self.tenants.get(tenant_id)
        await self.gate.wait()
        if self.down is not None:
            raise self.down("no answer")
        return tenant


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def settled() -> None:
    """Lets what is under way in the background come to its end, or to where it waits."""
    for _ in range(10):
        await asyncio.sleep(0)

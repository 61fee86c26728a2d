"""Where tenants are written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..tenant import Tenant

__all__ = ["TenantSource"]


class TenantSource(Protocol):
    """Reads tenants, one at a time; `Registry` remembers them."""

    async def fetch(self, tenant_id: str) -> Tenant | None:
        """The tenant of a canonical id, or None when there is none.

        Raises:
            ServiceUnavailable: When there is no answer; a driver's or the system's error of a
                connection says the same.
        """
        ...

    async def sample(self, count: int) -> Sequence[str]:
        """The ids of up to `count` tenants that are served.

        Raises:
            ServiceUnavailable: When there is no answer.
        """
        ...

    async def close(self) -> None:
        """Close what the source itself opened."""
        ...

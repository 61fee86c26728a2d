"""What is written down of tenants, and of those that are gone."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence

from ...tenant import TenantStatus
from ..receipt import Receipt
from ..records import TenantRecord
from .deployment import Deployment

__all__ = ["Looking", "Statuses"]

Statuses = TenantStatus | str | Collection[TenantStatus | str] | None


class Looking(Deployment):
    """Changes nothing."""

    async def list(
        self, *, status: Statuses = None, tag: str | None = None, plan: str | None = None
    ) -> Sequence[TenantRecord]:
        """All tenants, or those that fit, in the order of their ids.

        Args:
            status: Only those in this status, or in one of these.
            tag: Only those with this tag.
            plan: Only those on this plan.
        """
        return [record async for record in self.each(status=status, tag=tag, plan=plan)]

    async def each(
        self, *, status: Statuses = None, tag: str | None = None, plan: str | None = None
    ) -> AsyncGenerator[TenantRecord]:
        """The same as `list`, read page by page."""
        wanted = (status,) if isinstance(status, str) else status
        async with self.parts.administrator.transaction(writes=False) as transaction:
            async for record in self.parts.records.each(
                transaction.driver, status=wanted, tag=tag, plan=plan
            ):
                yield record

    async def receipts(
        self, tenant_id: str | None = None, *, limit: int = 100
    ) -> Sequence[Receipt]:
        """The receipts of deleted tenants, the newest first."""
        canonical = None if tenant_id is None else self._canonical(tenant_id)
        return await self.parts.deleting.receipts(canonical, limit)

"""A tenant goes."""

from __future__ import annotations

from ..delete import Deletion
from ..everyone import who_runs_this
from ..receipt import Receipt
from .deployment import Deployment

__all__ = ["Deleting"]


class Deleting(Deployment):
    """Deletes tenants, once they are confirmed."""

    async def deletion(self, tenant_id: str) -> Deletion:
        """Say what `delete` would take away, with the token that confirms it; changes nothing.

        Raises:
            TenantNotFound: There is no such tenant.
        """
        return await self.parts.deleting.plan(self._canonical(tenant_id))

    async def delete(self, tenant_id: str, confirm: str, *, reason: str | None = None) -> Receipt:
        """Take a tenant away: its rows, its schema or database, its record.

        Args:
            tenant_id: The tenant.
            confirm: The token of its `deletion`.
            reason: Why; the receipt says it.

        Returns:
            The receipt: what there was, by table, and where else the tenant is still named.

        Raises:
            TenantNotFound: There is no such tenant.
            ConfirmationRefused: The token is another tenant's.
            TenantConflict: Something that is not the tenant's would go with it.
        """
        self._refuse_unread_statuses()
        return await self.parts.deleting.delete(
            self._canonical(tenant_id), confirm, by=who_runs_this(), reason=reason
        )

"""Whether a tenant is served."""

from __future__ import annotations

from pathlib import Path

from ...errors import TenantConflict
from ...tenant import TenantStatus
from ..archive import Progress
from ..everyone import who_runs_this
from ..records import TenantRecord
from ..shelve import is_shelved
from .deployment import Deployment

__all__ = ["Status"]


class Status(Deployment):
    """Suspends, resumes and archives tenants."""

    async def suspend(self, tenant_id: str) -> TenantRecord:
        """Refuse its requests: at once in this process, within a second in those that listen.

        Raises:
            TenantNotFound: There is no such tenant.
            TenantConflict: It is neither active nor suspended.
        """
        return await self._change_status(tenant_id, TenantStatus.SUSPENDED, TenantStatus.ACTIVE)

    async def resume(self, tenant_id: str) -> TenantRecord:
        """Serve it again.

        Raises:
            TenantNotFound: There is no such tenant.
            TenantConflict: It is not there to be served: its rows are in a file, for one.
        """
        record = await self.get(tenant_id)
        if is_shelved(record):
            assert record.origin is not None
            raise TenantConflict(
                f"The rows of tenant {record.id} are in the file {record.origin['file']}: import it"
            )
        refused = (TenantStatus.SUSPENDED, TenantStatus.ARCHIVED)
        return await self._change_status(tenant_id, TenantStatus.ACTIVE, *refused)

    async def archive(
        self, tenant_id: str, to: str | Path | None = None, *, progress: Progress | None = None
    ) -> TenantRecord:
        """Keep it, and serve it no more.

        Args:
            tenant_id: The tenant.
            to: A file for its rows, which are removed from the database once they are in it;
                `restore` brings them back. Without a file they stay where they are, and `resume`
                serves them again.
            progress: Is told of each table that is written.

        Raises:
            TenantNotFound: There is no such tenant.
            TenantConflict: It is neither active nor suspended.
            ArchiveError: The file is there, and is not an archive of what the tenant has now.
        """
        if to is None:
            served = (TenantStatus.ACTIVE, TenantStatus.SUSPENDED)
            return await self._change_status(tenant_id, TenantStatus.ARCHIVED, *served)
        self._refuse_unread_statuses()
        return await self.parts.shelving.shelve(
            self._canonical(tenant_id), Path(to), by=who_runs_this(), progress=progress
        )

    async def _change_status(
        self, tenant_id: str, status: TenantStatus, *allowed: TenantStatus
    ) -> TenantRecord:
        self._refuse_unread_statuses()
        return await self.parts.standing.change(self._canonical(tenant_id), status, allowed=allowed)

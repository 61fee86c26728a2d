"""A tenant goes into a file, comes out of one, or goes to another server."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

from ...errors import TenantConflict
from ...tenant import TenantStatus
from ..administrator import AdminTransaction
from ..archive import ArchiveFile, Manifest, Progress, export_tenant, load_archive
from ..everyone import who_runs_this
from ..move.state import Move
from ..provision import NewTenant
from ..records import TenantRecord
from ..shelve import is_shelved
from .deployment import Deployment

__all__ = ["Files"]


class Files(Deployment):
    """Exports, restores and moves tenants."""

    async def export(
        self, tenant_id: str, to: str | Path, *, progress: Progress | None = None
    ) -> Manifest:
        """Write all rows of a tenant to a new file: one snapshot, while it is served.

        Args:
            tenant_id: The tenant.
            to: The file; nobody but its owner may read it.
            progress: Is told of each table that is written.

        Returns:
            What the archive says of itself: counts and SHA-256 of each table.

        Raises:
            TenantNotFound: There is no such tenant.
            TenantConflict: Its rows are not in the database.
            FileExistsError: The file is there already.
        """
        record = await self.get(tenant_id)
        if record.status is TenantStatus.PROVISIONING or is_shelved(record):
            raise TenantConflict(f"The tenant {record.id} has no rows here: it is {record.status}")
        if Move.of(record) is not None:
            raise TenantConflict(f"The tenant {record.id} is being moved to another server")
        return await export_tenant(
            self.parts.places, record, Path(to), exported_by=who_runs_this(), progress=progress
        )

    async def restore(
        self,
        archive: str | Path,
        *,
        id: str | None = None,
        name: str | None = None,
        plan: str | None = None,
        skip: Collection[str] = (),
        progress: Progress | None = None,
    ) -> TenantRecord:
        """Make a tenant out of an archive, whatever strategy it was written under.

        Args:
            archive: The file.
            id: The tenant's id; by default the one that it had.
            name: Its name; by default the one that it had.
            plan: Its plan; by default the one that it had.
            skip: The names of tables in the archive that are left out.
            progress: Is told of each table that is filled.

        Returns:
            The active tenant; what its tables hold was compared with the archive, to the byte.

        Raises:
            ArchiveError: The archive is damaged, or does not fit the tables of tenants.
            BadUserInput: The id is not of the form that `id_type` names here.
            TenantConflict: There is a tenant of that id that was not made from this archive.
        """
        file = await asyncio.to_thread(ArchiveFile, Path(archive))
        with file:
            told = file.manifest.tenant
            new = NewTenant(
                self._canonical(id if id is not None else told.get("id")),
                name if name is not None else str(told.get("name") or ""),
                plan if plan is not None else str(told.get("plan") or ""),
                told.get("settings") or {},
                tuple(told.get("tags") or ()),
                origin={"archive": file.digest},
            )

            async def fill(transaction: AdminTransaction, record: TenantRecord) -> None:
                await load_archive(
                    *(self.parts.places, record, transaction.driver, file),
                    skip=skip,
                    progress=progress,
                )

            record = await self.parts.provisioning.create(new, fill)
        self._runtime.changed(record.id)
        return record

    async def move(self, tenant_id: str, server: str) -> TenantRecord:
        """Move its database to another server; it is suspended until it is there.

        The copy is compared with the original before the tenant is served from it, and the
        original is dropped last. If this was cut short, calling it again goes on; naming the
        server that the tenant comes from goes back.

        Args:
            tenant_id: The tenant.
            server: Where to, as "host:port". The administrator has the same role and password
                there, and the roles that own or use the tenant's tables exist.

        Raises:
            TenantNotFound: There is no such tenant.
            TenantConflict: It cannot be moved as it is, or the copy differs from it.
            BadUserInput: The server is none that `[multitenancy.routing] allowed_hosts` admits.
            SetupError: Tenants have no databases of their own under this strategy.
        """
        return await self.parts.moving.move(self._canonical(tenant_id), server)

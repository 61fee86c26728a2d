"""A tenant is put away: its rows go into a file, and out of the database."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ..errors import ArchiveError, TenantConflict
from ..tenant import TenantStatus
from .administrator import Administrator
from .archive import ArchiveFile, Manifest, Progress, export_tenant, survey
from .places import Places
from .records import Records, TenantRecord
from .standing import Standing

__all__ = ["Shelving", "is_shelved"]


def is_shelved(record: TenantRecord) -> bool:
    """Whether a tenant's rows are in a file, and nowhere else."""
    return bool(record.origin) and "file" in (record.origin or {})


class Shelving:
    """Puts tenants away.

    Args:
        administrator: Connects to the control database.
        records: The tenants.
        places: The strategy.
        standing: Refuses requests of the tenant.
    """

    def __init__(
        self, administrator: Administrator, records: Records, places: Places, standing: Standing
    ) -> None:
        self._administrator = administrator
        self._records = records
        self._places = places
        self._standing = standing

    async def shelve(
        self, tenant_id: str, path: Path, *, by: str, progress: Progress | None = None
    ) -> TenantRecord:
        """Write a tenant to a file, compare the file with the database, and empty the latter.

        Killed anywhere, it goes on when it is called again with the same file.

        Raises:
            TenantNotFound: There is no such tenant.
            TenantConflict: It cannot be put away as it is.
            ArchiveError: The file is there, and is not an archive of what the tenant has now.
        """
        async with self._administrator.transaction() as transaction:
            record = await self._records.get(transaction.driver, tenant_id)
        if record.status is not TenantStatus.ARCHIVED or not is_shelved(record):
            if record.status is not TenantStatus.ARCHIVED:
                record = await self._standing.change(
                    tenant_id, TenantStatus.SUSPENDED, allowed=(TenantStatus.ACTIVE,)
                )
            await self._standing.quiesce(record)
            digest = await self._write(record, path, by, progress)
            record = await self._mark(record, path, digest)
        await self._places.remove(record)
        left = await self._places.remains(record)
        if left:
            raise TenantConflict(
                f"Rows of tenant {tenant_id} appeared meanwhile: {', '.join(left)}"
            )
        return record

    async def _write(
        self, record: TenantRecord, path: Path, by: str, progress: Progress | None
    ) -> str:
        if not await asyncio.to_thread(path.exists):
            await export_tenant(self._places, record, path, exported_by=by, progress=progress)
        archive = await asyncio.to_thread(ArchiveFile, path)
        with archive:
            await asyncio.to_thread(archive.verify)
            held = await survey(self._places, record, surveyed_by=by)
            if not _same_rows(held, archive.manifest):
                raise ArchiveError(
                    f"{path} is no archive of what tenant {record.id} has now: choose another file"
                )
            return archive.digest

    async def _mark(self, record: TenantRecord, path: Path, digest: str) -> TenantRecord:
        origin = {"archive": digest, "file": path.name}
        async with self._administrator.transaction(lock=f"tenant:{record.id}") as transaction:
            driver = transaction.driver
            await self._records.set_origin(driver, record.id, origin)
            record = await self._records.set_status(driver, record.id, TenantStatus.ARCHIVED)
            await self._places.settle(driver, record)
        return record


def _same_rows(held: Manifest, archived: Manifest) -> bool:
    return held.tenant["id"] == archived.tenant["id"] and {
        (table.schema, table.name): table.content for table in held.tables
    } == {(table.schema, table.name): table.content for table in archived.tables}

"""A tenant goes: refused, counted, removed, looked for, and written down as gone.

Each step can be taken twice. What there was is written down before any of it is removed, so a
deletion that was killed half-way still has a receipt of all of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import ConfirmationRefused, TenantConflict, TenantNotFound
from ..tenant import TenantStatus
from .administrator import Administrator
from .archive import survey
from .places import Places
from .receipt import Receipt, Receipts
from .records import Records, TenantRecord
from .standing import Standing

__all__ = ["Deleting", "Deletion"]

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Deletion:
    """What would be deleted.

    Args:
        tenant: Its record.
        rows: How many rows it has, by table.
        token: What confirms exactly this deletion.
    """

    tenant: TenantRecord
    rows: Mapping[str, int]
    token: str


class Deleting:
    """Deletes tenants.

    Args:
        administrator: Connects to the control database.
        records: The tenants.
        places: The strategy.
        standing: Refuses requests of the tenant.
        changed: Is called with its id once its status has changed.
    """

    def __init__(
        self,
        administrator: Administrator,
        records: Records,
        places: Places,
        standing: Standing,
        changed: Callable[[str], object],
    ) -> None:
        self._administrator = administrator
        self._records = records
        self._places = places
        self._standing = standing
        self._changed = changed
        self._receipts = Receipts()

    async def plan(self, tenant_id: str) -> Deletion:
        """Say what would be deleted, and change nothing.

        Raises:
            TenantNotFound: There is no such tenant.
        """
        async with self._administrator.transaction() as transaction:
            record = await self._records.get(transaction.driver, tenant_id)
        rows: dict[str, int] = {}
        if record.status is not TenantStatus.PROVISIONING:
            held = await survey(self._places, record, surveyed_by="")
            rows = {f"{one.schema}.{one.name}": one.content.rows for one in held.tables}
        return Deletion(record, rows, _token_of(record))

    async def delete(
        self, tenant_id: str, confirm: str, *, by: str, reason: str | None = None
    ) -> Receipt:
        """Delete a tenant, or finish a deletion that was begun.

        Args:
            tenant_id: The canonical id.
            confirm: The token of its `Deletion`.
            by: Who deletes it.
            reason: Why.

        Raises:
            TenantNotFound: There is no such tenant, and none was deleted under this token.
            ConfirmationRefused: The token is that of another tenant, or of an earlier one.
            TenantConflict: Something that is not the tenant's would go with it.
        """
        record = await self._confirmed(tenant_id, confirm)
        if isinstance(record, Receipt):
            return record
        if record.status is not TenantStatus.DELETING:
            record = await self._standing.change(
                tenant_id, TenantStatus.DELETING, allowed=tuple(TenantStatus)
            )
        await self._count(record, by, reason)
        residue = await self._remove(record)
        async with self._administrator.transaction(lock=f"tenant:{tenant_id}") as transaction:
            receipt = await self._receipts.finish(transaction.driver, tenant_id, residue)
            await self._places.forget(transaction.driver, record)
            await self._records.remove(transaction.driver, tenant_id)
        self._changed(tenant_id)
        return receipt

    async def _confirmed(self, tenant_id: str, confirm: str) -> TenantRecord | Receipt:
        """The tenant that the token names, or the receipt where it is gone already."""
        async with self._administrator.transaction(lock=f"tenant:{tenant_id}") as transaction:
            record = await self._records.find(transaction.driver, tenant_id)
            if record is not None:
                if confirm == _token_of(record):
                    return record
                raise ConfirmationRefused(
                    f"The token does not confirm the deletion of {record.name!r} ({tenant_id})"
                )
            for receipt in await self._receipts.last(transaction.driver, tenant_id, 1):
                told = receipt.tenant
                if confirm == _token(tenant_id, told.get("name"), told.get("created_at")):
                    return receipt
        raise TenantNotFound(f"There is no tenant {tenant_id}")

    async def receipts(self, tenant_id: str | None, limit: int) -> list[Receipt]:
        """The receipts of deletions that are done, the newest first."""
        async with self._administrator.transaction() as transaction:
            return await self._receipts.last(transaction.driver, tenant_id, limit)

    async def _count(self, record: TenantRecord, by: str, reason: str | None) -> None:
        async with self._administrator.transaction() as transaction:
            if await self._receipts.unfinished(transaction.driver, record.id) is not None:
                return
        await self._standing.quiesce(record)
        held = await survey(self._places, record, surveyed_by=by)
        async with self._administrator.transaction() as transaction:
            await self._receipts.begin(transaction.driver, record, held, by=by, reason=reason)

    async def _remove(self, record: TenantRecord) -> Mapping[str, int | None]:
        left: Sequence[str] = ()
        for _ in range(_ATTEMPTS):
            await self._places.remove(record)
            left = await self._places.remains(record)
            if not left:
                return await self._places.residue(record)
        raise TenantConflict(
            f"Rows of tenant {record.id} appear while they are deleted: {', '.join(left)}. Does a "
            "service not know yet that it is refused?"
        )


def _token(tenant_id: str, name: str | None, created_at: str | None) -> str:
    """Another one for each tenant, and for a tenant that comes back under an id that was used."""
    told = f"{tenant_id}\n{name}\n{created_at}"
    return hashlib.sha256(told.encode()).hexdigest()[:10]


def _token_of(record: TenantRecord) -> str:
    created_at = record.created_at.isoformat() if record.created_at else None
    return _token(record.id, record.name, created_at)

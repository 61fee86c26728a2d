"""What is left of a deleted tenant: the proof that it was deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from .administrator import Driver
from .archive import Manifest
from .queries import named_queries
from .records import TenantRecord

__all__ = ["DeletedTable", "Receipt", "Receipts"]

_COLUMNS = (
    "r.id::text, r.tenant_id, r.tenant::text, r.deleted_by, r.reason, r.tables::text, "
    "r.residue::text, r.started_at, r.finished_at"
)
_QUERIES = {name: sql.format(columns=_COLUMNS) for name, sql in named_queries("receipts").items()}


@dataclass(frozen=True, slots=True)
class DeletedTable:
    """What one table held of the tenant.

    Args:
        name: The table, with its schema.
        rows: How many rows.
        sha256: The digest of their text, the same as an archive's of them.
    """

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was deleted, when, and by whom.

    Args:
        id: The receipt's own id.
        tenant_id: The tenant.
        tenant: What its record said: name, plan, placement and so on.
        deleted_by: Who deleted it.
        reason: Why, if that was said.
        tables: What it held.
        residue: Where its id was still found afterwards, in tables that are not its own, and how
            often, or None where the administrator may not look; empty where nothing was found.
        started_at: When its deletion began.
        finished_at: When it was done; None while it is not.
    """

    id: str
    tenant_id: str
    tenant: Mapping[str, Any]
    deleted_by: str
    reason: str | None
    tables: tuple[DeletedTable, ...]
    residue: Mapping[str, int | None] = field(default_factory=dict[str, int | None])
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def rows(self) -> int:
        """How many rows were deleted."""
        return sum(table.rows for table in self.tables)


class Receipts:
    """Reads and writes receipts on a connection of the administrator's."""

    async def begin(
        self, driver: Driver, record: TenantRecord, held: Manifest, *, by: str, reason: str | None
    ) -> None:
        """Write down what there is, before any of it goes; what was written before stays."""
        tables = [
            {
                "name": f"{table.schema}.{table.name}",
                "rows": table.content.rows,
                "sha256": table.content.sha256,
            }
            for table in held.tables
        ]
        tenant = {
            "name": record.name,
            "plan": record.plan,
            "placement": dict(record.placement),
            "settings": dict(record.settings),
            "tags": list(record.tags),
            "created_at": record.created_at.isoformat() if record.created_at else None,
        }
        await driver.execute(
            _QUERIES["begin"], record.id, json.dumps(tenant), by, reason, json.dumps(tables)
        )

    async def unfinished(self, driver: Driver, tenant_id: str) -> Receipt | None:
        """The receipt of a deletion that goes on, or was cut short."""
        row = await driver.fetchrow(_QUERIES["unfinished"], tenant_id)
        return None if row is None else _receipt(row)

    async def finish(
        self, driver: Driver, tenant_id: str, residue: Mapping[str, int | None]
    ) -> Receipt:
        """Write down that all is gone, and what is not."""
        row = await driver.fetchrow(_QUERIES["finish"], tenant_id, json.dumps(dict(residue)))
        assert row is not None
        return _receipt(row)

    async def last(self, driver: Driver, tenant_id: str | None, limit: int) -> list[Receipt]:
        """The receipts that are finished, the newest first."""
        return [_receipt(row) for row in await driver.fetch(_QUERIES["last"], tenant_id, limit)]


def _receipt(row: asyncpg.Record) -> Receipt:
    return Receipt(
        id=row["id"],
        tenant_id=row["tenant_id"],
        tenant=json.loads(row["tenant"]),
        deleted_by=row["deleted_by"],
        reason=row["reason"],
        tables=tuple(DeletedTable(**table) for table in json.loads(row["tables"])),
        residue=json.loads(row["residue"] or "{}"),
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )

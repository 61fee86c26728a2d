"""The application's own table of tenants: who exists, and who is served."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncEngine

from ..tenant import Tenant
from .rows import TableShape, TenantRows, tenant_of

__all__ = ["TenantsTable"]

_SHAPE = TableShape(
    key="[multitenancy] tenants_table",
    ids=("id", "tenant_id"),
    welcome=("name", "plan", "status", "placement"),
)


class TenantsTable:
    """Reads tenants by id from `[multitenancy] tenants_table`.

    Args:
        rows: The table's rows, found by `open`.
    """

    def __init__(self, rows: TenantRows) -> None:
        self._rows = rows

    @property
    def announced(self) -> bool:
        """Whether changes of the table are announced, so that they are felt at once."""
        return self._rows.announced

    @classmethod
    async def open(cls, engine: AsyncEngine, table: str) -> TenantsTable:
        """Find out which of its columns the role may read.

        Args:
            engine: The application role's engine.
            table: `table` or `schema.table`. Its key is `id` or `tenant_id`; `name`, `plan`,
                `status` and a JSON object `placement` are used where they are there.

        Raises:
            ConfigError: When the table or its `id` cannot be read.
            ServiceUnavailable: When the database cannot be reached.
        """
        return cls(await TenantRows.open(engine, table, _SHAPE))

    async def fetch(self, tenant_id: str) -> Tenant | None:
        """The tenant of that id, or None (see `TenantSource.fetch`)."""
        row = await self._rows.fetch(tenant_id)
        return None if row is None else tenant_of(tenant_id, row, _placement(row["placement"]))

    async def sample(self, count: int) -> Sequence[str]:
        """The ids of a few tenants (see `TenantSource.sample`)."""
        return await self._rows.sample(count)

    async def close(self) -> None:
        """The engine is the application's own: there is nothing to close."""


def _placement(text: str | None) -> dict[str, Any]:
    placement = json.loads(text) if text else None
    return cast("dict[str, Any]", placement) if isinstance(placement, dict) else {}

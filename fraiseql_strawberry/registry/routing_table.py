"""The registry of `strategy = "database"`: the table that says which database a tenant has."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from ..config import Pooler
from ..config.secret import Secret, SecretUrl
from ..tenant import Tenant
from .connections import registry_engine
from .rows import TableShape, TenantRows, tenant_of

__all__ = ["RoutingTable"]

_SHAPE = TableShape(
    key="[multitenancy.routing] registry_table",
    ids=("tenant_id", "id"),
    needed=("database_url",),
    welcome=("name", "plan", "status"),
)


class RoutingTable:
    """Reads `[multitenancy.routing] registry_table`, over connections of its own.

    A tenant's `placement` is `{"database_url": Secret}`: whoever connects reveals it, nobody
    shows it.

    Args:
        engine: The registry's engine; closed with this object.
        rows: The table's rows, found by `open`.
    """

    def __init__(self, engine: AsyncEngine, rows: TenantRows) -> None:
        self._engine = engine
        self._rows = rows

    @property
    def announced(self) -> bool:
        """Whether changes of the table are announced, so that they are felt at once."""
        return self._rows.announced

    @classmethod
    async def open(cls, url: SecretUrl, table: str, *, pooler: Pooler = "none") -> RoutingTable:
        """Connect and find out which columns the role may read.

        Args:
            url: The registry's database.
            table: `table` or `schema.table`, with `tenant_id` and `database_url`; `name`, `plan`
                and `status` are used where they are there.
            pooler: The mode of the pooler in front of it.

        Raises:
            ConfigError: When the table or one of the two columns cannot be read.
            ServiceUnavailable: When the registry cannot be reached.
        """
        engine = registry_engine(url, pooler=pooler)
        try:
            return cls(engine, await TenantRows.open(engine, table, _SHAPE))
        except BaseException:
            await engine.dispose()
            raise

    async def fetch(self, tenant_id: str) -> Tenant | None:
        """The tenant of that id with its database, or None (see `TenantSource.fetch`)."""
        row = await self._rows.fetch(tenant_id)
        if row is None:
            return None
        url = row["database_url"]  # missing where the table lets it be: not placed yet
        return tenant_of(tenant_id, row, {"database_url": Secret(url)} if url else {})

    async def sample(self, count: int) -> Sequence[str]:
        """The ids of a few tenants (see `TenantSource.sample`)."""
        return await self._rows.sample(count)

    async def close(self) -> None:
        """Close the registry's connections."""
        await self._engine.dispose()

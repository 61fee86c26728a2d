"""The application's own table of tenants, for row isolation: who exists and who is served."""

from __future__ import annotations

from importlib import resources

from sqlalchemy.ext.asyncio import AsyncEngine

from .errors import ConfigError
from .tenant import Tenant, TenantStatus

__all__ = ["TenantsTable"]

_COLUMNS = resources.files("fraiseql_strawberry").joinpath("tenants_table.sql").read_text("utf-8")


class TenantsTable:
    """Reads tenants by id from `[multitenancy] tenants_table`.

    Args:
        engine: The application role's engine; the role needs SELECT on the columns.
        sql: The statement, made by `open`.
    """

    def __init__(self, engine: AsyncEngine, sql: str) -> None:
        self._engine = engine
        self._sql = sql

    @classmethod
    async def open(cls, engine: AsyncEngine, table: str) -> TenantsTable:
        """Find out which of the columns `id`, `name`, `plan`, `status` the role may read.

        Raises:
            ConfigError: When the table or its `id` cannot be read.
        """
        async with engine.connect() as connection:
            rows = (await connection.exec_driver_sql(_COLUMNS, (table,))).all()
        columns = {row.name: row for row in rows}
        key = "id" if "id" in columns else "tenant_id"
        if key not in columns:
            raise ConfigError(
                f"[multitenancy] tenants_table = {table!r}: there is no such table with a column "
                "id that the application role may read",
                hint=f"GRANT SELECT (id, name, plan, status) ON {table} TO the application role",
            )
        wanted = ", ".join(
            name if name in columns else f"NULL AS {name}" for name in ("name", "plan", "status")
        )
        found = columns[key]
        # Names out of the catalog, quoted by PostgreSQL itself.
        sql = (
            f"SELECT {key}::text AS id, {wanted} "  # noqa: S608
            f"FROM {found.table_name} WHERE {key} = $1::text::{found.type}"
        )
        return cls(engine, sql)

    async def fetch(self, tenant_id: str) -> Tenant | None:
        """The tenant of that id, or None."""
        async with self._engine.connect() as connection:
            result = await connection.exec_driver_sql(self._sql, (tenant_id,))
            row = result.mappings().one_or_none()
        if row is None:
            return None
        status = TenantStatus(row["status"]) if row["status"] else TenantStatus.ACTIVE
        return Tenant(row["id"], row["name"], row["plan"], status)

"""Schema isolation: one database, a schema for each tenant.

A session's transaction has a `search_path` of the tenant's schema; a compiled read sets none and
names the schema instead, since PostgreSQL looks names up when it parses, and would do so again at
each change of the path (DESIGN.md, section 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, cast

from asyncpg import exceptions as postgres
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..errors import TenantUnavailable
from ..sql.catalog import quoted
from ..trouble import is_cut
from .binding import Binding
from .one_engine import OneEngine
from .protocol import CompiledQuery
from .schema_name import SchemaNames

__all__ = ["SchemaIsolation"]

_SCHEMAS = (
    resources.files("fraiseql_strawberry.isolation").joinpath("schemas.sql").read_text("utf-8")
)
_EXISTS = "SELECT COALESCE(has_schema_privilege(to_regnamespace($1), 'USAGE'), false)"
_SAMPLES = 20

# $1 is the tenant's place in the statements of every strategy; here nothing is left to set.
_READ = "SELECT ({query})::text WHERE $1::text IS NULL"

_NOT_THERE = (postgres.UndefinedTableError, postgres.InvalidSchemaNameError)
_SCHEMA = "fraiseql_schema"


class SchemaIsolation(OneEngine):
    """Binds `search_path` for the length of a transaction, and qualifies compiled reads.

    Args:
        engine: The application role's engine.
        names: Names the schema of each tenant.
        shared: Schemas that every tenant may also read, after its own.
        role_template: The role of each tenant, such as `tenant_{id}`; None for none.
        timeout: Seconds that a compiled read waits for a connection.
        timeout_ms: `statement_timeout` in milliseconds, where it travels in the transaction.
        owned: Whether the engine is ours to tune and to close, or the application's own.
    """

    name = "schema"

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        names: SchemaNames,
        shared: Sequence[str] = (),
        roles: SchemaNames | None = None,
        timeout: float = 5.0,
        timeout_ms: int | None = None,
        owned: bool = True,
    ) -> None:
        super().__init__(engine, timeout=timeout, owned=owned)
        self._names = names
        self._roles = roles
        # A temporary table of one request must not stand in front of another's table, and without
        # a mention pg_temp comes first (SECURITY.md, schema strategy).
        self._after = "".join(f", {quoted(name)}" for name in (*shared, "pg_temp"))
        settings = ("search_path", "application_name", *(("role",) if roles else ()))
        # A schema that is missing, or that the role may not use, is skipped without a word.
        self._binding = Binding(settings, also="current_schema()::text", timeout_ms=timeout_ms)
        event.listen(engine.sync_engine, "before_cursor_execute", _mark_schema, retval=True)

    async def start(self) -> None:
        """Refuse a role that could read every schema (see `Isolation.start`)."""
        await self.verify()

    def bind(self, connection: Connection, tenant_id: str) -> None:
        """Set the path for the transaction that has just begun (see `Isolation.bind`).

        Raises:
            TenantUnavailable: When the tenant has no schema that the role may use.
        """
        schema = self._names.of(tenant_id)
        connection.info[_SCHEMA] = schema
        values = (quoted(schema) + self._after, f"t:{tenant_id}")
        if self._roles is not None:
            values += (self._roles.of(tenant_id),)
        if self._binding.apply(connection, values) != schema:
            raise TenantUnavailable(hint=f"the application role may use no schema {schema}")

    async def read(self, tenant_id: str, query: CompiledQuery) -> str | None:
        """One statement that names the schema (see `Isolation.read`)."""
        if self._roles is not None:
            async with self._engine.connect() as connection:
                await connection.run_sync(self.bind, tenant_id)
                return await self.read_in(connection, tenant_id, query)
        schema = self._names.of(tenant_id)
        statement = _READ.format(query=query.sql(schema))
        args = (None, *query.args)
        try:
            return cast("str | None", await self._reads.fetchval(statement, args))
        except _NOT_THERE as error:
            await self._refuse_missing(schema, error)
            raise
        except Exception as error:
            if not is_cut(error):
                raise
            # A read is tried again, once; a write never (SECURITY.md, connections).
            return cast("str | None", await self._reads.fetchval(statement, args))

    async def read_in(
        self, connection: AsyncConnection, tenant_id: str, query: CompiledQuery
    ) -> str | None:
        """The same statement, in a transaction that is bound already (see `Isolation.read_in`)."""
        statement = _READ.format(query=query.sql(self._names.of(tenant_id)))
        result = await connection.exec_driver_sql(statement, (None, *query.args))
        return cast("str | None", result.scalar_one())

    def place_of(self, tenant_id: str | None) -> str | None:
        """The tenant's schema (see `Isolation.place_of`)."""
        return None if tenant_id is None else self._names.of(tenant_id)

    async def places(self) -> Sequence[str]:
        """A few tenants' schemas (see `Isolation.places`)."""
        async with self.connected() as connection:
            found = await connection.exec_driver_sql(_SCHEMAS, (self._names.pattern, _SAMPLES))
            return found.scalars().all()

    async def catalog(
        self, place: str, sql: str, names: Sequence[str]
    ) -> Sequence[Mapping[str, Any]]:
        """The catalog as a transaction of that schema sees it (see `Isolation.catalog`)."""
        async with self.connected() as connection:
            await self._look_into(connection, place)
            result = await connection.exec_driver_sql(sql, (list(names),))
            return [dict(row) for row in result.mappings()]

    async def _look_into(self, connection: AsyncConnection, schema: str) -> None:
        path = "SELECT set_config('search_path', $1, true)"
        await connection.exec_driver_sql(path, (quoted(schema) + self._after,))
        found = await connection.exec_driver_sql("SELECT current_schema()::text")
        if found.scalar_one() != schema:
            raise TenantUnavailable(hint=f"the application role may use no schema {schema}")

    async def _refuse_missing(self, schema: str, error: Exception) -> None:
        async with self.connected() as connection:
            found = await connection.exec_driver_sql(_EXISTS, (quoted(schema),))
            if not found.scalar_one():
                raise TenantUnavailable(hint=f"there is no schema {schema}") from error


def _mark_schema(
    connection: Connection,
    cursor: object,
    statement: str,
    parameters: Any,
    context: object,
    executemany: bool,
) -> tuple[str, Any]:
    """Let statements of different schemas differ, since the driver keeps them by their text.

    A statement that was prepared under another path has that schema's types: an enum of another
    schema's, or an error when they differ (SECURITY.md, schema strategy).
    """
    schema = connection.info.get(_SCHEMA)
    return (f"/* {schema} */ {statement}" if schema else statement), parameters

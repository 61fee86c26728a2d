"""Row isolation: one database, one schema, and a transaction-local setting that policies read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from asyncpg import exceptions as postgres
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..errors import AutocommitRefused, ServiceUnavailable
from ..trouble import is_cut, translate_connects
from .planning import choose_plans
from .protocol import CompiledQuery
from .reading import ReadConnections
from .role import verify_role

__all__ = ["RowIsolation"]

# One statement for all settings, as PostgREST does; `true` makes them end with the transaction.
# A session-level SET would leak to the next check-out and through PgBouncer (SECURITY.md, row).
_BIND = (
    "SELECT set_config($1, $2, true), set_config('application_name', $3, true), "
    "set_config('plan_cache_mode', 'auto', true)"
)

# Bound twice before one Sync, so both executions are one implicit transaction and one round
# trip: the first sets the tenant, the second runs the query under it (DESIGN.md, section 5).
# Without a tenant the second runs under an empty setting, and policies show it nothing.
_READ = (
    "SELECT CASE WHEN $1::text IS NOT NULL THEN set_config('{setting}', $1, true) "
    "ELSE ({query})::text END"
)

_STATEMENTS = 2000

_BARE_POLICY = (postgres.UndefinedObjectError, postgres.InvalidTextRepresentationError)


class RowIsolation:
    """Binds `app.tenant_id` for the length of a transaction; policies do the rest.

    Args:
        engine: The application role's engine.
        setting: The setting that the policies read.
        timeout: Seconds that a compiled read waits for a connection.
        owned: Whether the engine is ours to tune and to close, or the application's own.
    """

    name = "row"

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        setting: str = "app.tenant_id",
        timeout: float = 5.0,
        owned: bool = True,
    ) -> None:
        translate_connects(engine)
        self.engine = engine
        self.setting = setting
        self._reads = ReadConnections(engine, timeout=timeout)
        self._statements: dict[str, str] = {}
        self._owned = owned
        self._one_trip = True

    async def start(self) -> None:
        """Refuse a role that row-level security does not hold (see `Isolation.start`)."""
        await self.verify()
        if self._owned:
            async with self.engine.connect() as connection:
                await choose_plans(self.engine, connection)

    async def verify(self) -> None:
        """Look at the role once more (see `Isolation.verify`)."""
        try:
            async with self.engine.connect() as connection:
                await verify_role(connection)
        except DBAPIError as error:
            # The driver's own words: SQLAlchemy adds a link to its manual.
            said = getattr(error, "orig", error)
            raise ServiceUnavailable(hint=f"the database did not answer: {said}") from error

    async def stop(self) -> None:
        """Close every connection of an engine that is ours."""
        await self._reads.close()
        if self._owned:
            await self.engine.dispose()

    def engine_for(self, tenant_id: str) -> AsyncEngine:
        """All tenants share one engine."""
        return self.engine

    def bind(self, connection: Connection, tenant_id: str) -> None:
        """Set the tenant for the transaction that has just begun.

        Raises:
            AutocommitRefused: Where there is no transaction, so the setting would be lost at once.
        """
        driver: Any = connection.connection.dbapi_connection
        if connection.dialect.detect_autocommit_setting(driver):
            raise AutocommitRefused(
                hint="a tenant session needs a transaction: take isolation_level='AUTOCOMMIT' out, "
                "or use info.context['admin_db'] for statements that cannot run in one"
            )
        connection.exec_driver_sql(_BIND, self._settings(tenant_id))

    async def read(self, tenant_id: str, query: CompiledQuery) -> str | None:
        """One round trip on one pooled connection (see `Isolation.read`)."""
        statement = self._statement(query.sql(None))
        args = query.args
        parameters = [(tenant_id, *(None,) * len(args)), (None, *args)]
        if not self._one_trip:
            return await self._read_in_transaction(statement, parameters)
        try:
            rows = await self._reads.fetchmany(statement, parameters)
        except _BARE_POLICY:
            # A policy in the bare form of current_setting, on an engine that is not ours, may be
            # evaluated before the setting. If it was that, it goes on in four round trips.
            answer = await self._read_in_transaction(statement, parameters)
            self._one_trip = False
            return answer
        except Exception as error:
            if not is_cut(error):
                raise
            # A read is tried again, once; a write never (SECURITY.md, connections).
            rows = await self._reads.fetchmany(statement, parameters)
        return cast("str | None", rows[1][0])

    async def _read_in_transaction(
        self, statement: str, parameters: list[tuple[Any, ...]]
    ) -> str | None:
        async with self.engine.connect() as connection:
            await connection.exec_driver_sql(_BIND, self._settings(parameters[0][0]))
            result = await connection.exec_driver_sql(statement, parameters[1])
            return cast("str | None", result.scalar_one())

    def _settings(self, tenant_id: str) -> tuple[str, str, str]:
        return (self.setting, tenant_id, f"t:{tenant_id}")

    def _statement(self, query: str) -> str:
        statement = self._statements.get(query)
        if statement is None:
            if len(self._statements) >= _STATEMENTS:
                self._statements.clear()
            statement = _READ.format(setting=self.setting, query=query)
            self._statements[query] = statement
        return statement

    async def read_in(
        self, connection: AsyncConnection, tenant_id: str, query: CompiledQuery
    ) -> str | None:
        """The same statement, in a transaction that is bound already (see `Isolation.read_in`)."""
        statement = self._statement(query.sql(None))
        result = await connection.exec_driver_sql(statement, (None, *query.args))
        return cast("str | None", result.scalar_one())

    async def catalog(self, sql: str, names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """The catalog is the same for all tenants (see `Isolation.catalog`)."""
        async with self.engine.connect() as connection:
            result = await connection.exec_driver_sql(sql, (list(names),))
            return [dict(row) for row in result.mappings()]

"""Schema isolation: one database, a schema for each tenant.

A session's transaction has a `search_path` of the tenant's schema; a compiled read sets none and
names the schema instead, since PostgreSQL looks names up when it parses, and would do so again at
each change of the path (DESIGN.md, section 5).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..config import Pooler
from ..errors import SetupError, TenantUnavailable
from ..sql.catalog import quoted
from ..sql.scalars import literal
from ..trouble import is_cut
from .affinity import AffinityPool, note, slots_of, wanted
from .binding import Binding
from .citus import has_citus
from .one_engine import OneEngine
from .protocol import CompiledQuery
from .reading import ReadConnections
from .schema_mark import mark, mark_statements
from .schema_name import SchemaNames
from .schema_usage import NOT_THERE, OPENED, USABLE, refused, refusing_roles, usable
from .slotted import SlottedReads
from .transaction import Committing, Transaction, Work, in_transaction

T = TypeVar("T")

__all__ = ["SchemaIsolation"]

_SCHEMAS = (
    resources.files("fraiseql_strawberry.isolation").joinpath("schemas.sql").read_text("utf-8")
)
_SAMPLES = 20

# $1 is the tenant's place in the statements of every strategy; here nothing is left to set.
_READ = "SELECT ({query})::text WHERE $1::text IS NULL"

# Where a pooler refuses settings at start-up, the statement is bound twice, as in row isolation:
# the first time it sets them.
_CARRYING = "SELECT CASE WHEN $1::text IS NOT NULL THEN {settings} ELSE ({query})::text END"


class SchemaIsolation(OneEngine):
    """Binds `search_path` for the length of a transaction, and qualifies compiled reads.

    Args:
        engine: The application role's engine.
        names: Names the schema of each tenant.
        shared: Schemas that every tenant may also read, after its own.
        roles: Names the role of each tenant; None for none.
        timeout: Seconds that a compiled read waits for a connection.
        owned: Whether the engine is ours to tune and to close, or the application's own.
        pooler: The mode of the pooler in front of PostgreSQL.
        carried: Settings that each transaction brings, where such a pooler refuses them.
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
        owned: bool = True,
        pooler: Pooler = "none",
        carried: Mapping[str, str] | None = None,
    ) -> None:
        reads = SlottedReads if isinstance(engine.pool, AffinityPool) else ReadConnections
        super().__init__(
            engine,
            reads=reads(engine, timeout=timeout),
            owned=owned,
            pooler=pooler,
            carried=carried,
        )
        self._names = names
        self._roles = roles
        # A temporary table of one request must not stand in front of another's table, and without
        # a mention pg_temp comes first (SECURITY.md, schema strategy).
        self._after = "".join(f", {quoted(name)}" for name in (*shared, "pg_temp"))
        settings = ("search_path", "application_name", *(("role",) if roles else ()))
        # A schema that is missing, or that the role may not use, is skipped without a word; and
        # where only pg_temp is left, current_schema() would create it.
        here = f"CASE WHEN {USABLE.format(f'${len(settings) + 1}')} THEN current_schema()::text END"
        self._binding = Binding(settings, also=here, carried=carried)
        mark_statements(engine)

    async def start(self) -> None:
        """Refuse a role that could read every schema (see `Isolation.start`)."""
        await self._verify_at_start()

    async def _look(self, connection: AsyncConnection) -> None:
        if self._roles is not None and await has_citus(connection):
            raise SetupError(
                "[multitenancy] role_template: Citus connects to its workers as the role that "
                "asks, and a tenant's role cannot log in there. Take role_template out: the "
                "tenants' schemas are then the service role's own"
            )

    def bind(self, connection: Connection, tenant_id: str) -> None:
        """Set the path for the transaction that has just begun (see `Isolation.bind`).

        Raises:
            TenantUnavailable: When the tenant has no schema that the role may use.
        """
        schema = self._names.of(tenant_id)
        note(connection, schema)
        values = (quoted(schema) + self._after, f"t:{tenant_id}")
        if self._roles is not None:
            values += (self._roles.of(tenant_id),)
        with refusing_roles():
            found = self._binding.apply(connection, (*values, quoted(schema)))
        if found != schema:
            raise TenantUnavailable(hint=f"the application role may use no schema {schema}")
        mark(connection, schema)

    @asynccontextmanager
    async def engine(self, tenant_id: str) -> AsyncGenerator[AsyncEngine]:
        """The one engine, and of its connections rather one that knows the schema."""
        with wanted(slots_of(self._names.of(tenant_id), self._reads.limit)[0]):
            yield self._engine

    async def read(self, tenant_id: str, query: CompiledQuery) -> str | None:
        """One statement that names the schema (see `Isolation.read`)."""
        if self._roles is not None:
            async with self._engine.connect() as connection:
                await connection.run_sync(self.bind, tenant_id)
                return await self.read_in(connection, tenant_id, query)
        schema = self._names.of(tenant_id)
        try:
            return await self._read(schema, query)
        except NOT_THERE as error:
            await self._refuse_missing(schema, error)
            raise
        except Exception as error:
            if not is_cut(error):
                raise
            # A read is tried again, once; a write never (SECURITY.md, connections).
            return await self._read(schema, query)

    async def _read(self, schema: str, query: CompiledQuery) -> str | None:
        inner, args = query.sql(schema), query.args
        if not self._carried:
            statement = _READ.format(query=inner)
            return cast("str | None", await self._reads.fetchval(statement, (None, *args), schema))
        statement = _CARRYING.format(settings=" || ".join(self._carried), query=inner)
        parameters = [("", *(None,) * len(args)), (None, *args)]
        rows = await self._reads.fetchmany(statement, parameters)
        return cast("str | None", rows[1][0])

    async def read_in(
        self, connection: AsyncConnection, tenant_id: str, query: CompiledQuery
    ) -> str | None:
        """The same statement, in a transaction that is bound already (see `Isolation.read_in`)."""
        statement = _READ.format(query=query.sql(self._names.of(tenant_id)))
        result = await connection.exec_driver_sql(statement, (None, *query.args))
        return cast("str | None", result.scalar_one())

    async def write(self, tenant_id: str, work: Work[T], committing: Committing | None = None) -> T:
        """One transaction, with the tenant's path, of statements that name its schema.

        A trigger or a function has the path, as in a session's transaction (see
        `Isolation.write`).
        """
        schema = self._names.of(tenant_id)
        values = (quoted(schema) + self._after, f"t:{tenant_id}")
        if self._roles is not None:
            values += (self._roles.of(tenant_id),)
        opening = self._binding.opening(values, also=OPENED.format(literal(schema)))

        async def call(driver: Any) -> T:
            transaction = Transaction(driver, schema)
            return await in_transaction(
                driver, opening, transaction, work, committing, refused=refused
            )

        return await self._reads.run(call, schema)

    def transaction_on(self, driver: Any, tenant_id: str) -> Transaction:
        """Statements name the schema (see `Isolation.transaction_on`)."""
        return Transaction(driver, self._names.of(tenant_id))

    def place_of(self, tenant_id: str | None) -> str | None:
        """The tenant's schema (see `Isolation.place_of`)."""
        return None if tenant_id is None else self._names.of(tenant_id)

    async def places(self) -> Sequence[str]:
        """A few tenants' schemas (see `Isolation.places`)."""
        async with self.connected() as connection:
            roles = (None, None) if self._roles is None else self._names.translation(self._roles)
            values = (self._names.pattern, *roles, _SAMPLES)
            found = await connection.exec_driver_sql(_SCHEMAS, values)
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
        if self._roles is not None:
            tenant_id = self._names.tenant_of(schema)
            if tenant_id is None:
                raise TenantUnavailable(hint=f"{schema} is no tenant's schema")
            role = self._roles.of(tenant_id)
            with refusing_roles():
                await connection.exec_driver_sql("SELECT set_config('role', $1, true)", (role,))
        if not await usable(connection, schema):
            raise TenantUnavailable(hint=f"the application role may use no schema {schema}")
        path = "SELECT set_config('search_path', $1, true)"
        await connection.exec_driver_sql(path, (quoted(schema) + self._after,))

    async def _refuse_missing(self, schema: str, error: Exception) -> None:
        async with self.connected() as connection:
            if not await usable(connection, schema):
                raise TenantUnavailable(hint=f"there is no schema {schema}") from error

"""Row isolation: one database, one schema, and a transaction-local setting that policies read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from asyncpg import exceptions as postgres
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import Session

from ..config import Pooler
from ..errors import SetupError
from ..trouble import is_cut
from .binding import Binding
from .citus import CitusRows, has_citus
from .one_engine import OneEngine
from .planning import choose_plans
from .protocol import CompiledQuery
from .reading import ReadConnections
from .seal_probe import verify_seal
from .transaction import Committing, Transaction, Work, in_transaction

__all__ = ["RowIsolation"]

# Bound twice before one Sync, so both executions are one implicit transaction and one round
# trip: the first sets the tenant, the second runs the query under it (DESIGN.md, section 5).
# Without a tenant the second runs under an empty setting, and policies show it nothing.
_READ = "SELECT CASE WHEN $1::text IS NOT NULL THEN {settings} ELSE ({query})::text END"

_STATEMENTS = 2000

T = TypeVar("T")

_BARE_POLICY = (postgres.UndefinedObjectError, postgres.InvalidTextRepresentationError)


class RowIsolation(OneEngine):
    """Binds `app.tenant_id` for the length of a transaction; policies do the rest.

    Args:
        engine: The application role's engine.
        setting: The setting that the policies read.
        timeout: Seconds that a compiled read waits for a connection.
        owned: Whether the engine is ours to tune and to close, or the application's own.
        pooler: The mode of the pooler in front of PostgreSQL.
        carried: Settings that each transaction brings, where such a pooler refuses them.
        crowded: Whether requests wait for their tenant's turn (see `reading`).
        seal: What the setting holds of a tenant, where policies believe it only under a seal.
    """

    name = "row"

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        setting: str = "app.tenant_id",
        timeout: float = 5.0,
        owned: bool = True,
        pooler: Pooler = "none",
        carried: Mapping[str, str] | None = None,
        crowded: Callable[[], bool] = lambda: False,
        seal: Callable[[str], str] | None = None,
    ) -> None:
        reads = ReadConnections(engine, timeout=timeout, crowded=crowded)
        super().__init__(engine, reads=reads, owned=owned, pooler=pooler, carried=carried)
        self._settings = " || ".join((f"set_config('{setting}', $1, true)", *self._carried))
        self._binding = Binding((setting, "application_name"), carried=carried)
        self._seal = seal
        self._value: Callable[[str], str] = seal or str
        self._statements: dict[str, str] = {}
        self._one_trip = True
        self._setting = setting
        self._citus: CitusRows | None = None

    async def start(self) -> None:
        """Refuse a role that row-level security does not hold (see `Isolation.start`)."""
        await self._verify_at_start()
        if self._citus is not None:
            return  # Citus plans for itself, and needs the values for it
        # What is set for a session behind a transaction pooler reaches whoever comes next.
        if self._owned and self._pooler != "transaction":
            async with self.connected() as connection:
                await choose_plans(self._engine, connection)

    async def verify(self) -> None:
        """Look at the role and at the seal once more (see `Isolation.verify`)."""
        await super().verify()
        if self._seal is not None:
            async with self.connected() as connection:
                await verify_seal(connection, self._seal)

    async def _look(self, connection: AsyncConnection) -> None:
        if not await has_citus(connection):
            self._citus = None
            return
        if self._seal is not None:
            raise SetupError(
                '[multitenancy] setting = "sealed": on Citus the seal would stand in the text that '
                "is sent to the workers, and its keys are not there. Name a setting of your own, "
                'such as setting = "app.tenant_id"'
            )
        self._citus = await CitusRows.of(connection, self._setting, self._carried_settings)

    def bind(self, connection: Connection, tenant_id: str) -> None:
        """Set the tenant for the transaction that has just begun (see `Isolation.bind`)."""
        if self._citus is not None:
            self._citus.bind(connection, tenant_id)
            return
        self._binding.apply(connection, (self._value(tenant_id), f"t:{tenant_id}"))

    async def read(self, tenant_id: str, query: CompiledQuery) -> str | None:
        """One round trip on one pooled connection (see `Isolation.read`); four on Citus."""
        if self._citus is not None:
            return await self._read_on_citus(self._citus, tenant_id, query)
        statement = self._statement(query.sql(None))
        args = query.args
        parameters = [(self._value(tenant_id), *(None,) * len(args)), (None, *args)]
        if not self._one_trip:
            return await self._read_in_transaction(tenant_id, statement, parameters[1])
        try:
            rows = await self._reads.fetchmany(statement, parameters)
        except _BARE_POLICY:
            # A policy in the bare form of current_setting, on an engine that is not ours, may be
            # evaluated before the setting. If it was that, it goes on in four round trips.
            answer = await self._read_in_transaction(tenant_id, statement, parameters[1])
            self._one_trip = False
            return answer
        except Exception as error:
            if not is_cut(error):
                raise
            # A read is tried again, once; a write never (SECURITY.md, connections).
            rows = await self._reads.fetchmany(statement, parameters)
        return cast("str | None", rows[1][0])

    async def _read_on_citus(
        self, citus: CitusRows, tenant_id: str, query: CompiledQuery
    ) -> str | None:
        try:
            return await citus.read(self._reads, tenant_id, query)
        except Exception as error:
            if not is_cut(error):
                raise
            return await citus.read(self._reads, tenant_id, query)

    async def _read_in_transaction(
        self, tenant_id: str, statement: str, args: tuple[Any, ...]
    ) -> str | None:
        async with self._engine.connect() as connection:
            await connection.run_sync(self.bind, tenant_id)
            result = await connection.exec_driver_sql(statement, args)
            return cast("str | None", result.scalar_one())

    def _statement(self, query: str) -> str:
        statement = self._statements.get(query)
        if statement is None:
            if len(self._statements) >= _STATEMENTS:
                self._statements.clear()
            statement = _READ.format(settings=self._settings, query=query)
            self._statements[query] = statement
        return statement

    async def read_in(
        self, connection: AsyncConnection, tenant_id: str, query: CompiledQuery
    ) -> str | None:
        """The same statement, in a transaction that is bound already (see `Isolation.read_in`)."""
        if self._citus is not None:
            return await self._citus.read_in(connection, tenant_id, query)
        statement = self._statement(query.sql(None))
        result = await connection.exec_driver_sql(statement, (None, *query.args))
        return cast("str | None", result.scalar_one())

    async def write(self, tenant_id: str, work: Work[T], committing: Committing | None = None) -> T:
        """One transaction on one pooled connection (see `Isolation.write`)."""
        if self._citus is not None:
            return await self._citus.write(self._reads, tenant_id, work, committing)
        if self._seal is not None:
            return await self._write_sealed(tenant_id, work, committing)
        opening = self._binding.opening((tenant_id, f"t:{tenant_id}"))

        async def call(driver: Any) -> T:
            return await in_transaction(
                driver, opening, Transaction(driver, None), work, committing
            )

        return await self._reads.run(call)

    async def _write_sealed(
        self, tenant_id: str, work: Work[T], committing: Committing | None
    ) -> T:
        """One round trip more: a seal is always a parameter.

        In the text of a statement `pg_stat_activity` would show it to every session of the role.
        """

        async def call(driver: Any) -> T:
            async def bound(transaction: Transaction) -> T:
                await self._binding.apply_to(driver, (self._value(tenant_id), f"t:{tenant_id}"))
                return await work(transaction)

            return await in_transaction(
                driver, "BEGIN", Transaction(driver, None), bound, committing
            )

        return await self._reads.run(call)

    def transaction_on(self, driver: Any, tenant_id: str) -> Transaction:
        """The search path finds the tables (see `Isolation.transaction_on`)."""
        return Transaction(driver, None, None if self._citus is None else tenant_id)

    def prepare_session(self, session: Session, tenant_id: str) -> None:
        """On Citus its ORM statements name the tenant (see `Isolation.prepare_session`)."""
        if self._citus is not None:
            self._citus.prepare_session(session, tenant_id)

    def catalog_sql(self, sql: str) -> str:
        """On Citus it is told what is distributed (see `Isolation.catalog_sql`)."""
        return sql if self._citus is None else self._citus.catalog_sql(sql)

    def place_of(self, tenant_id: str | None) -> str | None:
        """All tenants share their tables, so one place (see `Isolation.place_of`)."""
        return ""

    async def places(self) -> Sequence[str]:
        """The one place (see `Isolation.places`)."""
        return ("",)

    async def catalog(
        self, place: str, sql: str, names: Sequence[str]
    ) -> Sequence[Mapping[str, Any]]:
        """The catalog is the same for all tenants (see `Isolation.catalog`)."""
        async with self.connected() as connection:
            result = await connection.exec_driver_sql(sql, (list(names),))
            return [dict(row) for row in result.mappings()]

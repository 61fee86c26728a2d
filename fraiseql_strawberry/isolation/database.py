"""Database isolation: a database for each tenant, on any number of servers.

What keeps tenants apart is PostgreSQL's own border between databases: a connection is to one of
them and to no other. So everything hangs on which engine a tenant gets, and on what a new
connection is found to have led to (see `connecting`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import Session

from ..config import Config
from ..config.secret import Secret
from ..engine import connection_settings
from ..errors import PlacementRefused, TenancyError
from ..registry import Registry
from ..sql.setting import set_calls
from ..trouble import is_cut, translated
from .binding import Binding
from .budget import ConnectionBudget
from .connecting import ConnectOptions
from .engines import EngineOptions, TenantEngine, TenantEngines
from .protocol import CompiledQuery
from .tenant_password import PasswordRules
from .tenant_url import TenantUrlRules
from .transaction import Committing, Transaction, Work, in_transaction

__all__ = ["DatabaseIsolation"]

_log = logging.getLogger("fraiseql_strawberry")

# $1 is the tenant's place in the statements of every strategy; here nothing is left to set.
_READ = "SELECT ({query})::text WHERE $1::text IS NULL"

# Behind a transaction pooler the read brings its settings: bound twice before one Sync, as row
# isolation does it.
_READ_POOLED = "SELECT CASE WHEN $1::text IS NOT NULL THEN {settings} ELSE ({query})::text END"

_SAMPLES = 5


@lru_cache(2000)
def _statement(query: str) -> str:
    return _READ.format(query=query)


@lru_cache(2000)
def _pooled(query: str, settings: str) -> str:
    return _READ_POOLED.format(query=query, settings=settings)


T = TypeVar("T")

Sample = Callable[[int], Awaitable[Sequence[str]]]


class DatabaseIsolation:
    """Binds a tenant by its engine.

    Args:
        registry: Says where a tenant's database is.
        engines: Tenants' engines, on one budget.
        sample: Names up to so many tenants that are registered.
        connect: What all connections have in common.
    """

    name = "database"

    def __init__(
        self,
        registry: Registry,
        engines: TenantEngines,
        *,
        sample: Sample,
        connect: ConnectOptions,
    ) -> None:
        self._registry = registry
        self._engines = engines
        self._sample = sample
        self._connect = connect
        carried: Mapping[str, str] = connect.settings if connect.pooler == "transaction" else {}
        self._binding = Binding((connect.setting, "application_name"), carried=carried)
        self._carried = " || ".join(
            (
                f"set_config('{connect.setting}', $1, true)",
                "set_config('application_name', 't:' || $1, true)",
                *set_calls(carried, local=True),
            )
        )
        self._unwatch: Callable[[], None] | None = None

    @classmethod
    def of(cls, config: Config, registry: Registry, sample: Sample) -> DatabaseIsolation:
        """What `[multitenancy.routing]` and `[database]` describe.

        Args:
            config: The configuration.
            registry: Says where a tenant's database is.
            sample: Names up to so many tenants that are registered.
        """
        database, routing = config.database, config.multitenancy.routing
        connect = ConnectOptions(
            connect_timeout=routing.connect_timeout,
            settings=connection_settings(config),
            pooler=database.pooler,
            setting=config.multitenancy.setting,
        )
        passwords = PasswordRules(routing.password_variables, routing.password_files)
        options = EngineOptions(
            per_tenant=routing.connections_per_tenant,
            pool_timeout=database.pool_timeout,
            idle_seconds=routing.idle_seconds,
            connect=connect,
            urls=TenantUrlRules(routing.allowed_hosts, passwords),
        )
        engines = TenantEngines(ConnectionBudget(routing.max_connections), options)
        return cls(registry, engines, sample=sample, connect=connect)

    @property
    def engines(self) -> TenantEngines:
        """Tenants' engines and their budget, for whoever watches them."""
        return self._engines

    async def start(self) -> None:
        """Begin to look after the engines; they are made on first use (see `Isolation.start`)."""
        self._unwatch = self._registry.watch(self._changed)
        self._engines.start()

    async def stop(self) -> None:
        """Close every connection."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        await self._engines.stop()

    async def verify(self) -> None:
        """Nothing is asked here: each connection is looked at when it is made.

        No single server stands for the others: if one is down, the tenants of all the others are
        served.
        """

    @asynccontextmanager
    async def engine(self, tenant_id: str) -> AsyncGenerator[AsyncEngine]:
        """The tenant's own engine, pinned for the block (see `Isolation.engine`).

        Raises:
            TenantUnavailable: When it is not served.
            PlacementRefused: When what is registered for it must not be used.
        """
        pinned = await self._pin(tenant_id)
        try:
            yield pinned.engine
        finally:
            self._engines.unpin(pinned)

    def bind(self, connection: Connection, tenant_id: str) -> None:
        """Name the tenant to the transaction that has just begun (see `Isolation.bind`)."""
        self._binding.apply(connection, (tenant_id, f"t:{tenant_id}"))

    def prepare_session(self, session: Session, tenant_id: str) -> None:
        """Sessions need nothing (see `Isolation.prepare_session`)."""

    def catalog_sql(self, sql: str) -> str:
        """The catalog is all there is to know (see `Isolation.catalog_sql`)."""
        return sql

    async def read(self, tenant_id: str, query: CompiledQuery) -> str | None:
        """One round trip on one of the tenant's connections (see `Isolation.read`)."""
        pinned = await self._pin(tenant_id)
        try:
            return await self._read(pinned, tenant_id, query)
        except Exception as error:
            if not is_cut(error):
                raise
            # A read is tried again, once; a write never (SECURITY.md, connections).
            return await self._read(pinned, tenant_id, query)
        finally:
            self._engines.unpin(pinned)

    async def read_in(
        self, connection: AsyncConnection, tenant_id: str, query: CompiledQuery
    ) -> str | None:
        """The same statement, in a transaction of that engine (see `Isolation.read_in`)."""
        statement = _statement(query.sql(None))
        result = await connection.exec_driver_sql(statement, (None, *query.args))
        return cast("str | None", result.scalar_one())

    async def write(self, tenant_id: str, work: Work[T], committing: Committing | None = None) -> T:
        """One transaction on one of the tenant's connections (see `Isolation.write`)."""
        opening = self._binding.opening((tenant_id, f"t:{tenant_id}"))

        async def call(driver: Any) -> T:
            return await in_transaction(
                driver, opening, Transaction(driver, None), work, committing
            )

        pinned = await self._pin(tenant_id)
        try:
            return await self._run(pinned, call)
        finally:
            self._engines.unpin(pinned)

    def transaction_on(self, driver: Any, tenant_id: str) -> Transaction:
        """The search path finds the tables (see `Isolation.transaction_on`)."""
        return Transaction(driver, None)

    def place_of(self, tenant_id: str | None) -> str | None:
        """The tenant: its database is its own (see `Isolation.place_of`)."""
        return tenant_id

    async def places(self) -> Sequence[str]:
        """A few tenants whose databases answer (see `Isolation.places`).

        One that does not is no reason to keep the others waiting for the start.
        """

        async def answers(tenant_id: str) -> bool:
            try:
                async with self._connected(tenant_id):
                    return True
            except TenancyError as error:
                _log.warning("the database of tenant %s: %s", tenant_id, error)
                return False

        sample = await self._sample(_SAMPLES)
        answered = await asyncio.gather(*map(answers, sample))
        return [tenant_id for tenant_id, there in zip(sample, answered, strict=True) if there]

    async def catalog(
        self, place: str, sql: str, names: Sequence[str]
    ) -> Sequence[Mapping[str, Any]]:
        """The catalog of a tenant's database (see `Isolation.catalog`)."""
        async with self._connected(place) as connection:
            result = await connection.exec_driver_sql(sql, (list(names),))
            return [dict(row) for row in result.mappings()]

    # -- within -----------------------------------------------------------------------------------

    def _changed(self, tenant_id: str | None) -> None:
        # Where all are doubted, nothing is known to have changed: each URL is compared when it is
        # next used.
        if tenant_id is not None:
            self._engines.forget(tenant_id)

    async def _pin(self, tenant_id: str) -> TenantEngine:
        tenant = self._registry.peek(tenant_id) or await self._registry.admit(tenant_id)
        written = tenant.placement.get("database_url")
        if not isinstance(written, Secret):
            raise PlacementRefused(hint=f"tenant {tenant_id}: no database_url is registered for it")
        return self._engines.pin(tenant_id, written)

    async def _read(self, pinned: TenantEngine, tenant_id: str, query: CompiledQuery) -> str | None:
        args = query.args

        async def call(driver: Any) -> str | None:
            if self._connect.pooler == "transaction":
                statement = _pooled(query.sql(None), self._carried)
                parameters = [(tenant_id, *(None,) * len(args)), (None, *args)]
                return (await driver.fetchmany(statement, parameters))[1][0]
            return await driver.fetchval(_statement(query.sql(None)), None, *args)

        return await self._run(pinned, call)

    async def _run(self, pinned: TenantEngine, call: Callable[[Any], Awaitable[T]]) -> T:
        """Give a connection to a call that leaves it clean, or closed, whatever it raises."""
        pool = pinned.pool
        entry = await pool.acquire()
        driver: Any = entry.driver_connection
        try:
            answer = await call(driver)
        except BaseException as error:
            if is_cut(error) or driver.is_closed():
                pool.cut(entry)
            elif isinstance(error, Exception):
                pool.release(entry)
            else:
                # Cancelled: asyncpg is sending a cancel request, which may hit the next statement
                # on this connection.
                pool.discard(entry)
            raise
        pool.release(entry)
        return answer

    @asynccontextmanager
    async def _connected(self, tenant_id: str) -> AsyncGenerator[AsyncConnection]:
        with translated():
            async with self.engine(tenant_id) as engine, engine.connect() as connection:
                yield connection

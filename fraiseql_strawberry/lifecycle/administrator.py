"""Connections as the administrator: the only ones that lifecycle work uses, never a tenant's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from ..config import Config
from ..config.secret import SecretUrl
from ..engine import asyncpg_url
from ..errors import SetupError
from ..trouble import translate_connects, translated

__all__ = ["AdminTransaction", "Administrator", "Driver"]

Driver: TypeAlias = "asyncpg.Connection[Any]"

_CONNECTIONS = 5
_CONNECT_SECONDS = 10.0
_HOME = "postgres"

# Work on a whole tenant takes as long as it takes; what waits for a lock does not.
_SESSION = {
    "application_name": "fraiseql-admin",
    "timezone": "UTC",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}

# Held to the end of the transaction, so that a process that dies gives it back (SECURITY.md,
# lifecycle: concurrent provisioning).
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"


@dataclass(frozen=True, slots=True)
class AdminTransaction:
    """One transaction of the administrator's, as SQLAlchemy and as asyncpg see it.

    Args:
        sql: For sessions and whatever speaks SQLAlchemy.
        driver: For scripts of many statements and COPY.
    """

    sql: AsyncConnection
    driver: Driver

    async def lock(self, name: str) -> None:
        """Wait until nobody else has the advisory lock of that name; the end frees it.

        Args:
            name: Such as "tenant:11111111-1111-4111-8111-111111111111".
        """
        await self.driver.execute(_LOCK, f"fraiseql.{name}")


class Administrator:
    """Connects to the control database, and to others of its server, as the administrator.

    Args:
        url: The control database: `[database] admin_url`. It must be a direct connection, not
            one through a pooler in transaction mode.
    """

    def __init__(self, url: SecretUrl) -> None:
        self._url = asyncpg_url(url.reveal())
        self.engine = self._engine()

    def __repr__(self) -> str:
        return f"Administrator({SecretUrl(self._url.render_as_string()).redacted})"

    @classmethod
    def of(cls, config: Config) -> Administrator:
        """The administrator that a configuration names.

        Raises:
            SetupError: It names none.
        """
        url = config.database.admin_url
        if url is None:
            raise SetupError(
                "work on tenants needs the administrator's connection: set [database] admin_url, "
                'such as "${ADMIN_DATABASE_URL}"'
            )
        return cls(url)

    @property
    def database(self) -> str:
        """The name of the control database."""
        return self._url.database or ""

    @property
    def server(self) -> str:
        """Host and port of its server."""
        host = (self._url.host or "localhost").lower()
        return f"{f'[{host}]' if ':' in host else host}:{self._url.port or 5432}"

    def at(self, host: str, port: int) -> Administrator:
        """The same role on another server, in the database that each has.

        Args:
            host: Its name or address.
            port: Its port.
        """
        url = self._url.set(host=host, port=port, database=_HOME)
        return Administrator(SecretUrl(url.render_as_string(hide_password=False)))

    def url_of(self, database: str | None = None) -> SecretUrl:
        """The administrator's URL of a database of the same server.

        Args:
            database: Its name; the control database by default.
        """
        url = self._url.set(drivername="postgresql")
        if database is not None:
            url = url.set(database=database)
        return SecretUrl(url.render_as_string(hide_password=False))

    @asynccontextmanager
    async def transaction(
        self,
        *,
        lock: str | None = None,
        database: str | None = None,
        snapshot: bool = False,
        writes: bool = True,
    ) -> AsyncGenerator[AdminTransaction]:
        """A transaction; commits when the block ends.

        Args:
            lock: An advisory lock to take first (see `AdminTransaction.lock`).
            database: The name of another database of the server; the control database by default.
            snapshot: Whether all of it reads what was there when it began, and writes nothing.
            writes: Whether it may write.

        Raises:
            ServiceUnavailable: When the database cannot be reached.
            SetupError: When the administrator may not do what is done.
        """
        engine = self.engine if database is None else self._engine(database)
        with translated(), self._explained():
            async with engine.connect() as sql:
                if snapshot:
                    await sql.execution_options(isolation_level="REPEATABLE READ")
                if snapshot or not writes:
                    await sql.execution_options(postgresql_readonly=True)
                async with sql.begin():
                    await sql.exec_driver_sql("SELECT 1")  # nothing begins before a statement
                    raw = await sql.get_raw_connection()
                    transaction = AdminTransaction(sql, cast(Driver, raw.driver_connection))
                    if lock is not None:
                        await transaction.lock(lock)
                    yield transaction

    @asynccontextmanager
    async def connect(self, database: str | None = None) -> AsyncGenerator[Driver]:
        """A connection of its own, in autocommit, to any database of the server.

        For CREATE DATABASE and the like, which cannot run in a transaction, and for work in the
        database of one tenant.

        Args:
            database: Its name; the control database by default.

        Raises:
            ServiceUnavailable: When the database cannot be reached.
            SetupError: When the administrator may not do what is done.
        """
        with translated(), self._explained():
            connection = await asyncpg.connect(
                self.url_of(database).reveal(),
                timeout=_CONNECT_SECONDS,
                server_settings=_SESSION,
                statement_cache_size=0,
            )
            try:
                yield connection
            finally:
                await connection.close(timeout=_CONNECT_SECONDS)

    @contextmanager
    def _explained(self) -> Generator[None]:
        """Say of whom PostgreSQL speaks, and what would mend it."""
        try:
            yield
        except asyncpg.InsufficientPrivilegeError as error:
            raise SetupError(
                f"PostgreSQL refused [database] admin_url, the role {self._url.username}: "
                f"{error.args[0]}. "
                "The roles.sql that `fraiseql-strawberry init` writes for your strategy says what "
                "it must be allowed"
            ) from error

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()

    def _engine(self, database: str | None = None) -> AsyncEngine:
        # Another database is used once, for one tenant.
        pool: dict[str, Any] = (
            {"poolclass": NullPool}
            if database is not None
            else {
                "pool_size": _CONNECTIONS,
                "max_overflow": 0,
                "pool_timeout": 60.0,
                "pool_pre_ping": True,  # it rests for days between two sign-ups
            }
        )
        engine = create_async_engine(
            self._url if database is None else self._url.set(database=database),
            connect_args={
                "timeout": _CONNECT_SECONDS,
                "server_settings": _SESSION,
                # A schema may go and come back with other types under the same names.
                "statement_cache_size": 0,
                "prepared_statement_cache_size": 0,
            },
            hide_parameters=True,
            **pool,
        )
        translate_connects(engine)
        return engine

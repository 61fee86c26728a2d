"""Where attacks take place: transactions of the application role that are always rolled back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from ...sql.setting import set_local

__all__ = ["Ground", "Refused"]


class Refused(Exception):
    """PostgreSQL refused a statement.

    Args:
        code: The SQLSTATE.
        message: PostgreSQL's own words; they may quote a value, so only the code is shown.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.policy = "row-level security" in message
        super().__init__(message)


class Ground:
    """A connection of the application role, with one transaction open at a time.

    Args:
        connection: The connection.
        setting: The setting that policies read.
        value: What it holds of a tenant, where that is not the tenant itself.
        citus: Whether the policies are asked on other servers, which hear of no `set_config`.
    """

    def __init__(
        self,
        connection: asyncpg.Connection[Any],
        setting: str,
        value: Callable[[str], str] | None = None,
        *,
        citus: bool = False,
    ) -> None:
        self._connection = connection
        self._setting = setting
        self._value: Callable[[str], str] = value or str
        self._citus = citus

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:
        """A transaction that is rolled back, whatever happens in it."""
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            yield
        finally:
            await transaction.rollback()

    @asynccontextmanager
    async def savepoint(self) -> AsyncGenerator[None]:
        """A part of the transaction that is rolled back, whatever happens in it."""
        async with self.transaction():
            yield

    @asynccontextmanager
    async def committed(self) -> AsyncGenerator[None]:
        """A transaction that is committed, for a clone only; the session is clean afterwards.

        Raises:
            Refused: By PostgreSQL, also at the end.
        """
        try:
            async with self._connection.transaction():
                yield
        except asyncpg.PostgresError as error:
            raise Refused(error.sqlstate or "", str(error)) from error
        finally:
            await self._connection.reset()

    async def become(self, tenant: str | None) -> None:
        """Be a tenant for the rest of the transaction; None is nobody."""
        if self._citus:
            await self._connection.execute("SET LOCAL citus.propagate_set_commands = 'local'")
            await self._connection.execute(set_local(self._setting, tenant or ""))
            return
        await self._connection.execute(
            "SELECT set_config($1, $2, true)",
            self._setting,
            "" if tenant is None else self._value(tenant),
        )

    async def commit_as(self, tenant: str, sql: str) -> None:
        """Run a read as a tenant in a transaction that is committed."""
        async with self._connection.transaction():
            await self.become(tenant)
            await self._connection.execute(sql)

    async def rows(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """Run a statement in a savepoint; its rows.

        Raises:
            Refused: By PostgreSQL; the transaction goes on.
        """
        savepoint = self._connection.transaction()
        await savepoint.start()
        try:
            found = await self._connection.fetch(sql, *args)
        except asyncpg.PostgresError as error:
            await savepoint.rollback()
            raise Refused(error.sqlstate or "", str(error)) from error
        await savepoint.commit()
        return found

    async def attempt(self, sql: str, *args: object) -> int:
        """Run a statement in a savepoint that is rolled back; the number of rows it touched.

        Raises:
            Refused: By PostgreSQL.
        """
        savepoint = self._connection.transaction()
        await savepoint.start()
        try:
            status = await self._connection.execute(sql, *args)
        except asyncpg.PostgresError as error:
            raise Refused(error.sqlstate or "", str(error)) from error
        finally:
            await savepoint.rollback()
        return int(status.rpartition(" ")[2]) if status[-1:].isdigit() else 0

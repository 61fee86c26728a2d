"""The administrator's connection, for lifecycle work only: never a tenant's."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

__all__ = ["AdminDatabase"]


class AdminDatabase:
    """Runs statements as the administrator, each in its own transaction (autocommit).

    `CREATE DATABASE` and the like cannot run inside a transaction, so there is none here.

    Args:
        url: A PostgreSQL URL of a role that may create roles, schemas or databases.
    """

    def __init__(self, url: str) -> None:
        self._url = url.replace("postgresql+asyncpg://", "postgresql://", 1)
        self._connection: asyncpg.Connection[Any] | None = None
        self._one_at_a_time = asyncio.Lock()

    def __repr__(self) -> str:
        return "AdminDatabase(***)"

    async def execute(self, sql: str, *args: object) -> str:
        """Run a statement; returns PostgreSQL's command tag, such as "INSERT 0 1"."""
        async with self._one_at_a_time:
            return await (await self._connected()).execute(sql, *args)

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """Run a query; returns its rows."""
        async with self._one_at_a_time:
            return await (await self._connected()).fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """Run a query; returns its first row, or None."""
        async with self._one_at_a_time:
            return await (await self._connected()).fetchrow(sql, *args)

    async def close(self) -> None:
        """Close the connection, if one was ever opened."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connected(self) -> asyncpg.Connection[Any]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._url, server_settings={"application_name": "fraiseql-admin"}
            )
        return self._connection

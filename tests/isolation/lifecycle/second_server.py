"""Another PostgreSQL, on which the administrator and the service have the roles of the first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg

from fraiseql_strawberry.cli.scaffold import Names
from fraiseql_strawberry.embedded import EmbeddedPostgres
from tests.isolation.lifecycle.conftest import Shop, make_roles

__all__ = ["Second", "second_server"]


@dataclass
class Second:
    """The other server.

    Args:
        name: Its host and port.
        first: Those of the server that the shop is on.
        admin: A superuser's connection to it.
    """

    name: str
    first: str
    admin: asyncpg.Connection

    @property
    def port(self) -> int:
        return int(self.name.rpartition(":")[2])

    async def databases(self) -> set[str]:
        """Those that the server did not come with."""
        rows = await self.admin.fetch(
            "SELECT datname::text AS name FROM pg_database WHERE NOT datistemplate"
            " AND datname <> 'postgres'"
        )
        return {row["name"] for row in rows}


@asynccontextmanager
async def second_server(shop: Shop) -> AsyncIterator[Second]:
    """Start it."""
    server = EmbeddedPostgres()
    await asyncio.to_thread(server.start)
    try:
        url = server.admin_url()
        connection = await asyncpg.connect(url)
        await make_roles(connection, shop.strategy, Names("shop", "postgres", shop.service))
        first = urlsplit(shop.url)
        port = urlsplit(url).port
        yield Second(f"127.0.0.1:{port}", f"{first.hostname}:{first.port or 5432}", connection)
        await connection.close()
    finally:
        await asyncio.to_thread(server.stop)

"""A blog whose posts are announced, and clients that listen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from example_app.data import ACME, GLOBEX
from example_app.database import Urls
from fraiseql_strawberry.channels import ANNOUNCE_ROWS

__all__ = ["Socket", "Stream", "announce", "databases", "socket", "stream"]


def databases(urls: Urls) -> dict[UUID, str]:
    """The superuser's URL of the database that each tenant's posts are in."""
    by_database = urls.strategy == "database"
    return {
        tenant: (urls.of(tenant) if by_database else urls).admin_url for tenant in (ACME, GLOBEX)
    }


async def announce(urls: Urls) -> None:
    """Announce the posts of a blog on the channel `posts`."""
    for url in set(databases(urls).values()):
        admin = await asyncpg.connect(url)
        await admin.execute("CREATE SCHEMA IF NOT EXISTS fraiseql")
        await admin.execute(ANNOUNCE_ROWS)
        await admin.execute(
            """
            SELECT fraiseql.announce_rows(c.oid::regclass, 'posts', tenant => CASE WHEN EXISTS (
              SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id'
            ) THEN 'tenant_id' ELSE '' END)
            FROM pg_class AS c WHERE relname = 'tb_post' AND relkind = 'r'
            """
        )
        await admin.close()


class Socket:
    """A client of the protocol graphql-transport-ws."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.transport = connection.transport

    async def send(self, **message: Any) -> None:
        await self._connection.send(json.dumps(message))

    async def next(self, seconds: float = 5) -> Any:
        async with asyncio.timeout(seconds):
            return json.loads(await self._connection.recv())

    async def init(self) -> None:
        await self.send(type="connection_init")
        assert await self.next() == {"type": "connection_ack"}

    async def subscribe(self, query: str, id: str = "1", **more: Any) -> None:
        await self.send(id=id, type="subscribe", payload={"query": query, **more})

    async def data(self, seconds: float = 5) -> Any:
        message = await self.next(seconds)
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]

    async def errors(self) -> Any:
        message = await self.next()
        payload = message["payload"]
        return payload if message["type"] == "error" else payload["errors"]

    async def quiet(self, seconds: float = 0.3) -> bool:
        """Whether nothing arrives."""
        try:
            await self.next(seconds)
        except TimeoutError:
            return True
        return False

    async def closed(self, seconds: float) -> tuple[int, str]:
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self._connection.recv()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code, closed.rcvd.reason


@asynccontextmanager
async def socket(url: str, token: str | None, *, path: str = "/graphql") -> AsyncIterator[Socket]:
    """A socket that has been acknowledged."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with connect(
        url.replace("http://", "ws://") + path,
        subprotocols=["graphql-transport-ws"],
        additional_headers=headers,
    ) as connection:
        client = Socket(connection)
        await client.init()
        yield client


class Stream:
    """A client of graphql-sse, "distinct connections mode"."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self, seconds: float = 5) -> tuple[str, Any]:
        """The next event: its name and its data."""
        name = ""
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data:"):
                    data = line.removeprefix("data:").strip()
                    return name, json.loads(data) if data else None
        raise EOFError


@asynccontextmanager
async def stream(url: str, token: str | None, query: str, **more: Any) -> AsyncIterator[Stream]:
    headers = {"Accept": "text/event-stream"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    async with (
        httpx2.AsyncClient(base_url=url, timeout=30) as http,
        http.stream("POST", "/graphql", json={"query": query, **more}, headers=headers) as answer,
    ):
        yield Stream(answer)

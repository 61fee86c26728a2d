"""A link to PostgreSQL that can go dead without a word, or be cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from fraiseql_strawberry.config import SecretUrl


class Link:
    """Passes bytes on between whoever connects to `url` and the server.

    Args:
        url: The server.
    """

    def __init__(self, url: SecretUrl) -> None:
        self._parts = urlsplit(url.reveal())
        self.lead_to(url)
        self._alive = asyncio.Event()
        self._alive.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._port = 0
        self.opened = 0

    @property
    def url(self) -> SecretUrl:
        """The server's URL, over this link."""
        userinfo = self._parts.netloc.rpartition("@")[0]
        netloc = f"{userinfo}@127.0.0.1:{self._port}"
        return SecretUrl(self._parts._replace(netloc=netloc).geturl())

    def lead_to(self, url: SecretUrl) -> None:
        """New connections go to another server."""
        parts = urlsplit(url.reveal())
        assert parts.hostname is not None
        self._server = (parts.hostname, parts.port or 5432)

    def go_dead(self) -> None:
        """From now on nothing arrives anywhere, and nobody is told."""
        self._alive.clear()

    def revive(self) -> None:
        """What was held back arrives."""
        self._alive.set()

    def cut(self) -> None:
        """Close every connection."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Link]:
        """Take connections for the block."""
        server = await asyncio.start_server(self._join, "127.0.0.1", self._port)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.revive()
            self.cut()
            await server.wait_closed()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        await self._alive.wait()
        try:
            there = await asyncio.open_connection(*self._server)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there[1]}
        try:
            await asyncio.gather(self._pass(reader, there[1]), self._pass(there[0], writer))
        finally:
            self._writers -= {writer, there[1]}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._alive.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

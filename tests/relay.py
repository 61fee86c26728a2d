"""A relay of TCP connections that a test can cut, close and stall, while the server lives on."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

__all__ = ["Relay"]

_HOST = "127.0.0.1"


class Relay:
    """Stands in front of one server, on a port of its own that stays the same.

    Args:
        url: Any URL of the server.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._behind = (parts.hostname, parts.port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.port = 0

    async def open(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_server(self._relay, _HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Cut all connections and refuse new ones."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._flowing.set()

    def stall(self) -> None:
        """Pass nothing on, and close nothing."""
        self._flowing.clear()

    def flow(self) -> None:
        """Pass on what was held back."""
        self._flowing.set()

    def url(self, url: str) -> str:
        """The same URL, through the relay."""
        parts = urlsplit(url)
        credentials, _, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{credentials}@{_HOST}:{self.port}").geturl()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind = await asyncio.open_connection(*self._behind)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, behind[1]}
        await asyncio.gather(self._pass(reader, behind[1]), self._pass(behind[0], writer))
        self._writers -= {writer, behind[1]}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

"""Clients of the soak: HTTP/1.1 by hand on a connection that stays open, and a WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect

__all__ = ["Answer", "Broken", "HttpClient", "Socket", "Stuck", "open_socket"]

_PATIENCE = 30  # seconds until an answer counts as none


class Broken(Exception):
    """The connection ended before the answer did."""


class Stuck(Exception):
    """There is no answer, and no end either."""


class Answer(NamedTuple):
    """A response, as it came."""

    status: int
    head: str
    text: str

    def json(self) -> Any:
        """The body; None where it is no JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


class HttpClient:
    """One connection, opened again whenever it was closed.

    Args:
        port: Where the service listens, on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, request: str, headers: dict[str, str], body: Any = None, *, leave: float | None = None
    ) -> Answer:
        """Send a request and read its answer.

        Args:
            request: Method and target.
            headers: Those beside the usual ones.
            body: What is sent as JSON.
            leave: Seconds after which the client goes away without waiting for the answer.

        Raises:
            Broken: There was no whole answer.
            Stuck: There was nothing at all in half a minute.
        """
        content = b"" if body is None else json.dumps(body).encode()
        lines = [f"{request} HTTP/1.1", "Host: soak", f"Content-Length: {len(content)}"]
        lines += ["Content-Type: application/json"] if content else []
        lines += [f"{name}: {value}" for name, value in headers.items()]
        sent = "\r\n".join(lines).encode() + b"\r\n\r\n" + content
        try:
            async with asyncio.timeout(_PATIENCE if leave is None else leave):
                return await self._exchange(sent)
        except (OSError, asyncio.IncompleteReadError) as error:
            # TimeoutError is an OSError.
            self.close()
            if leave is None and isinstance(error, TimeoutError):
                raise Stuck from error
            raise Broken from error

    async def _exchange(self, sent: bytes) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(sent)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.lower().partition(": ")[::2] for line in head.split("\r\n")[1:])
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        if fields.get("connection") == "close":
            self.close()
        return Answer(int(head.split(" ", 2)[1]), head, body.decode())

    def close(self) -> None:
        """End the connection without a word."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


class Socket:
    """A client of graphql-transport-ws, for one operation after the other."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._operations = 0

    async def run(self, query: str) -> list[Any]:
        """All that an operation sends, up to its end."""
        self._operations += 1
        id = str(self._operations)
        message = {"id": id, "type": "subscribe", "payload": {"query": query}}
        await self._connection.send(json.dumps(message))
        found: list[Any] = []
        while True:
            got = await self._next()
            if got.get("id") == id:
                found.append(got)
            if got["type"] in ("complete", "error"):
                return found

    async def init(self) -> None:
        """Open the protocol."""
        await self._connection.send(json.dumps({"type": "connection_init"}))
        await self._next()

    async def _next(self) -> Any:
        async with asyncio.timeout(_PATIENCE):
            return json.loads(await self._connection.recv())


@asynccontextmanager
async def open_socket(port: int, token: str) -> AsyncIterator[Socket]:
    """Connect, with a token."""
    async with connect(
        f"ws://127.0.0.1:{port}/graphql",
        subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
        additional_headers={"Authorization": f"Bearer {token}"},
        compression=None,
    ) as connection:
        socket = Socket(connection)
        await socket.init()
        yield socket

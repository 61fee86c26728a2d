"""The load generator: keep-alive connections, each with one request under way at any time.

A raw protocol on uvloop with requests made beforehand: it reads the status and the length of a
response and looks for errors in it, nothing more, some 20 µs each. It never is the bottleneck.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Self, cast

__all__ = ["Load", "LoadError", "Outcome"]

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class LoadError(Exception):
    """A contestant did not answer as it should."""


class Outcome:
    """What a run saw.

    Args:
        latencies: Seconds of each request.
        seconds: From the first request to the last response.
    """

    def __init__(self, latencies: list[float], seconds: float) -> None:
        self.latencies = sorted(latencies)
        self.seconds = seconds

    @property
    def requests(self) -> int:
        """How many were answered."""
        return len(self.latencies)

    def quantile(self, share: float) -> float:
        """The latency, in seconds, that this share of the requests did not exceed."""
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)]


class Load:
    """Connections to one contestant, open as long as the block lasts.

    Args:
        port: Where it listens, on 127.0.0.1.
        connections: How many; each has one request under way.
    """

    def __init__(self, port: int, connections: int) -> None:
        self._port = port
        self._count = connections
        self._clients: list[_Client] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for _ in range(self._count):
            _, client = await loop.create_connection(_Client, "127.0.0.1", self._port)
            self._clients.append(client)
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()

    async def run(self, stream: Iterator[bytes], seconds: float) -> Outcome:
        """Send what the stream gives for so many seconds; all that was sent is answered.

        A stream that ends, ends the run.

        Raises:
            LoadError: A response was no success, or held errors, or a connection was lost.
        """
        latencies: list[float] = []
        started = perf_counter()
        until = started + seconds
        await asyncio.gather(*(client.run(stream, latencies, until) for client in self._clients))
        return Outcome(latencies, perf_counter() - started)

    async def bodies(self, requests: list[bytes]) -> list[bytes]:
        """The bodies of these responses, one request after the other."""
        client = self._clients[0]
        found: list[bytes] = []
        for request in requests:
            await client.run(iter([request]), [], 0.0, found.append)
        return found


class _Client(asyncio.Protocol):
    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._done: asyncio.Future[None] | None = None
        self._closing = False
        self._keep: Callable[[bytes], object] | None = None

    def run(
        self,
        stream: Iterator[bytes],
        latencies: list[float],
        until: float,
        keep: Callable[[bytes], object] | None = None,
    ) -> asyncio.Future[None]:
        self._stream, self._latencies, self._until, self._keep = stream, latencies, until, keep
        self._done = asyncio.get_running_loop().create_future()
        self._send()
        return self._done

    def close(self) -> None:
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    def _send(self) -> None:
        assert self._transport is not None
        self._received = b""
        self._length = -1  # not known before the head is whole
        request = next(self._stream, None)
        if request is None:
            self._end()
            return
        self._sent = perf_counter()
        self._transport.write(request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._closing:
            self._fail(f"the connection was lost: {exc or 'closed by the server'}")

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        if self._length < 0:
            end = received.find(_HEAD_END)
            if end < 0:
                return
            head = received[:end].lower()
            at = head.find(_LENGTH)
            if at < 0:
                self._fail(f"a response without Content-Length: {head!r}")
                return
            self._length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
            self._head = end + len(_HEAD_END)
        if len(received) >= self._head + self._length:
            self._finish(received)

    def _finish(self, received: bytes) -> None:
        now = perf_counter()
        if not received.startswith(b"HTTP/1.1 200") or b'"errors":' in received:
            self._fail(f"an error: {received[:2000]!r}")
            return
        self._latencies.append(now - self._sent)
        if self._keep is not None:
            self._keep(received[self._head :])
        if now < self._until:
            self._send()
        else:
            self._end()

    def _end(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def _fail(self, why: str) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(LoadError(why))

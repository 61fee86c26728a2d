"""A TCP proxy in a process of its own, which cuts connections when it is told to.

`python cutting_proxy.py HOST PORT` prints the port it listens on; each line on its standard input
says what to cut: `one` connection, or `all`. It is a process so that the soak's own loop has no
bytes to pass on.
"""

from __future__ import annotations

import asyncio
import random
import sys
from typing import cast

import uvloop

_PAIRS: list[tuple[asyncio.Transport, asyncio.Transport]] = []


class Side(asyncio.Protocol):
    """One end of a connection; what arrives here goes out at the other end."""

    other: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            self.other.close()


class Front(Side):
    """The service's end; it opens the other one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.early = b""  # what comes before there is another end
        self._opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        host, port = sys.argv[1], int(sys.argv[2])
        try:
            there, back = await asyncio.get_running_loop().create_connection(Side, host, port)
        except OSError:
            self.transport.abort()
            return
        self.other, back.other = there, self.transport
        self.pair = (self.transport, there)
        _PAIRS.append(self.pair)
        if self.transport.is_closing():
            there.close()
        there.write(self.early)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self.early += data
        else:
            self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.other is not None:
            _PAIRS.remove(self.pair)


def cut(how: str) -> None:
    """End connections without a word, at both ends."""
    chosen = list(_PAIRS) if how == "all" else random.sample(_PAIRS, min(1, len(_PAIRS)))
    for pair in chosen:
        for transport in pair:
            transport.abort()


async def main() -> None:
    """Listen until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Front, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        cut(line.decode().strip())


if __name__ == "__main__":
    uvloop.run(main())

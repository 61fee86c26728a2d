"""What goes wrong around a service: cut and terminated connections, suspended tenants."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from time import monotonic
from urllib.parse import urlsplit

from tests.soak.fleet import Fleet
from tests.soak.operations import Suspensions

__all__ = ["CuttingProxy", "disorder", "open_proxy"]


class CuttingProxy:
    """Stands between the service and PostgreSQL.

    Args:
        process: `cutting_proxy.py`, running.
        port: Where it listens.
    """

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    def through(self, url: str) -> str:
        """The same URL, over the proxy."""
        parts = urlsplit(url)
        credentials = parts.netloc.rpartition("@")[0]
        return parts._replace(netloc=f"{credentials}@127.0.0.1:{self.port}").geturl()

    async def cut(self, how: str) -> None:
        """Cut `one` connection, or `all`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{how}\n".encode())
        await self._process.stdin.drain()


@asynccontextmanager
async def open_proxy(url: str) -> AsyncIterator[CuttingProxy]:
    """A proxy in front of a server, for the block."""
    parts = urlsplit(url)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        Path(__file__).with_name("cutting_proxy.py"),
        parts.hostname or "127.0.0.1",
        str(parts.port or 5432),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield CuttingProxy(process, int(await process.stdout.readline()))
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def disorder(
    fleet: Fleet, proxy: CuttingProxy, suspensions: Suspensions, random: Random
) -> AsyncIterator[Counter[str]]:
    """Let it all happen for the block; yields how often each thing has."""
    happened: Counter[str] = Counter()

    async def every(seconds: float, name: str, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(random.uniform(0, 2 * seconds))
            await act()
            happened[name] += 1

    async def suspend() -> None:
        tenant = random.choice(fleet.tenants)
        await fleet.set_status(tenant, "suspended")
        suspensions.since[tenant] = monotonic()
        try:
            await asyncio.sleep(suspensions.bound + 1.5)
        finally:
            del suspensions.since[tenant]
            await fleet.set_status(tenant, "active")

    acts = [
        (0.5, "connections terminated", fleet.terminate_one),
        (1.0, "connections cut", lambda: proxy.cut("one")),
        (5.0, "all connections cut", lambda: proxy.cut("all")),
        (0.5, "tenants suspended and resumed", suspend),
    ]
    async with AsyncExitStack() as stack:
        tasks = [asyncio.create_task(every(*act)) for act in acts]

        async def end() -> None:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result

        stack.push_async_callback(end)
        yield happened

"""Small databases, one per tenant, and what of them this process has open."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from fraiseql_strawberry.config import Secret

_AT_ONCE = 4  # PostgreSQL copies so many databases at a time


@dataclass
class TenantDatabases:
    """Databases with a view `v_note` that says which one it is, and one role for all."""

    admin_url: str
    role: str
    prefix: str
    count: int = 0

    def name(self, index: int) -> str:
        return f"{self.prefix}_{index}"

    def url(
        self, index: int, *, password: str = "pw", port: int | None = None, query: str = ""
    ) -> Secret:
        """The URL that would be registered for a tenant."""
        place = urlsplit(self.admin_url)
        host = f"{place.hostname}:{port or place.port}"
        return Secret(f"postgresql://{self.role}:{password}@{host}/{self.name(index)}{query}")

    def admin(self, index: int) -> str:
        """The superuser's URL of one of them."""
        return urlsplit(self.admin_url)._replace(path=f"/{self.name(index)}").geturl()

    async def grow(self, count: int) -> None:
        """Make as many as are missing."""
        names = [self.name(index) for index in range(self.count, count)]
        create = "CREATE DATABASE {} TEMPLATE {}_template"
        await _at_once(self.admin_url, [create.format(name, self.prefix) for name in names])
        self.count = max(self.count, count)


@asynccontextmanager
async def tenant_databases(
    admin_url: str, count: int, *, drop: bool = True
) -> AsyncIterator[TenantDatabases]:
    """Make them, and drop them afterwards unless their server goes anyway."""
    mark = uuid4().hex[:8]
    made = TenantDatabases(admin_url, f"tenant_app_{mark}", f"tenant_{mark}")
    template = f"{made.prefix}_template"
    server = await asyncpg.connect(admin_url)
    await server.execute(f"CREATE ROLE {made.role} LOGIN PASSWORD 'pw'")
    await server.execute(f"CREATE DATABASE {template}")
    first = await asyncpg.connect(urlsplit(admin_url)._replace(path=f"/{template}").geturl())
    await first.execute(
        f"""
        CREATE TABLE note (body text);
        INSERT INTO note VALUES ('seed');
        CREATE VIEW v_note AS SELECT current_database()::text AS body FROM note;
        GRANT SELECT, INSERT ON note TO {made.role};
        GRANT SELECT ON v_note TO {made.role};
        """
    )
    await first.close()
    try:
        await made.grow(count)
        yield made
    finally:
        if drop:
            every = (*(made.name(index) for index in range(made.count)), template)
            drops = [f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name in every]
            await _at_once(admin_url, drops)
            await server.execute(f"DROP ROLE {made.role}")
        await server.close()


async def _at_once(admin_url: str, statements: list[str]) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(admin_url)
        with suppress(IndexError):
            while True:
                await connection.execute(statements.pop())
        await connection.close()

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))


def sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            count += str(link.readlink()).startswith("socket:")
    return count


class Most:
    """The most sockets that were open beyond those that were at the start."""

    def __init__(self) -> None:
        self.before = sockets()
        self.seen = 0
        self.samples = 0

    @property
    def now(self) -> int:
        return sockets() - self.before


@contextmanager
def counting_sockets(pause: float = 0.001) -> Iterator[Most]:
    """Count in a thread of its own, so that it sees what the loop does between two awaits."""
    most, ended = Most(), threading.Event()

    def watch() -> None:
        while not ended.is_set():
            most.seen = max(most.seen, most.now)
            most.samples += 1
            time.sleep(pause)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()

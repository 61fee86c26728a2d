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


@dataclass(frozen=True)
class TenantDatabases:
    """Databases with a table `note` that holds the database's own name, and one role for all."""

    admin_url: str
    role: str
    prefix: str
    count: int

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


@asynccontextmanager
async def tenant_databases(admin_url: str, count: int) -> AsyncIterator[TenantDatabases]:
    """Make them, and drop them afterwards."""
    mark = uuid4().hex[:8]
    made = TenantDatabases(admin_url, f"tenant_app_{mark}", f"tenant_{mark}", count)
    server = await asyncpg.connect(admin_url)
    template = f"{made.prefix}_template"
    await server.execute(f"CREATE ROLE {made.role} LOGIN PASSWORD 'pw'")
    await server.execute(f"CREATE DATABASE {template}")
    first = await asyncpg.connect(urlsplit(admin_url)._replace(path=f"/{template}").geturl())
    await first.execute("CREATE TABLE note (body text); INSERT INTO note VALUES ('seed')")
    await first.execute("CREATE VIEW v_note AS SELECT current_database()::text AS body FROM note")
    await first.execute(
        f"GRANT SELECT, INSERT ON note TO {made.role}; GRANT SELECT ON v_note TO {made.role}"
    )
    await first.close()
    names = [made.name(index) for index in range(count)]
    try:
        await _at_once(admin_url, [f"CREATE DATABASE {name} TEMPLATE {template}" for name in names])
        yield made
    finally:
        await _at_once(
            admin_url,
            [f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name in (*names, template)],
        )
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

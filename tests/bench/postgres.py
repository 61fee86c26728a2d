"""The bench's PostgreSQL: the embedded one, its data kept between runs, or a given server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import dataset
from machine import Layout, cpu_seconds, parent, pin_all, private_bytes

from example_app.urls import Urls
from fraiseql_strawberry.embedded import EmbeddedPostgres, durable_dir, open_server

__all__ = ["Postgres", "opened"]

_SETTINGS = {
    "shared_buffers": "1GB",  # all rows fit: processors are measured, not disks
    "autovacuum": "off",  # it would run in somebody's round; the bench vacuums between rounds
    "max_wal_size": "4GB",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server with the bench's database.

    Args:
        urls: Where the database is.
        version: What it says it is.
        pid: The postmaster; None where the server is not on this machine.
    """

    urls: Urls
    version: str
    pid: int | None

    def cpu_seconds(self) -> float:
        """Processor time of all its processes so far; 0 where it cannot be seen."""
        return cpu_seconds(self.pid) if self.pid is not None else 0.0

    def private_bytes(self) -> int:
        """Private memory of all its processes; 0 where it cannot be seen."""
        return private_bytes(self.pid) if self.pid is not None else 0


@asynccontextmanager
async def opened(cache: Path, layout: Layout) -> AsyncIterator[Postgres]:
    """Start PostgreSQL, pinned, and make sure that the rows are there.

    Args:
        cache: The folder whose `postgres` keeps the data.
        layout: Where it is pinned.
    """
    server = open_server()
    if isinstance(server, EmbeddedPostgres):
        folder = durable_dir(cache / "postgres")
        server = EmbeddedPostgres(folder, settings=_SETTINGS)
    with server:
        urls = await dataset.prepare(server.admin_url())
        connection = await asyncpg.connect(urls.admin_url)
        try:
            version, backend, local = await connection.fetchrow(
                "SELECT current_setting('server_version'), pg_backend_pid(),"
                " inet_server_addr() << '127.0.0.0/8'"
            )
            pid = _postmaster(backend) if local else None
            if pid is not None:
                pin_all(pid, layout.database)
        finally:
            await connection.close()
        yield Postgres(urls, version, pid)


def _postmaster(backend: int) -> int | None:
    """The parent of a back-end, if that process is PostgreSQL's and on this machine."""
    try:
        name = os.path.realpath(f"/proc/{backend}/exe")
        return parent(backend) if Path(name).name == "postgres" else None
    except FileNotFoundError:
        return None

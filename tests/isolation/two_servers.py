"""Two servers with tenants' databases, one of which can be killed, and a registry of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import asyncpg
from sqlalchemy import text

from fraiseql_strawberry.config import Config
from fraiseql_strawberry.embedded import EmbeddedPostgres
from tests.isolation.tenant_databases import TenantDatabases

SPACE = UUID("8d2d5c2e-9d0c-4a0e-9d57-6a3f6a3d0001")
HERE = 10  # databases on the first server, which other tests use too
THERE, ALL_THERE = 50, 190  # those on the second, and those for the long test
REGISTERED = 2000

REGISTRY = """
CREATE TABLE tenant_databases (
  tenant_id uuid PRIMARY KEY, database_url text NOT NULL, status text,
  created_at timestamptz NOT NULL DEFAULT now()
)
"""
WHERE = text("SELECT body FROM v_note LIMIT 1")


def tenant(number: int) -> str:
    return str(uuid5(SPACE, str(number)))


class Read(NamedTuple):
    """A read as the compiler makes them, by hand."""

    select: str = "SELECT body FROM v_note LIMIT 1"
    args: Sequence[Any] = ()

    def sql(self, schema: str | None = None) -> str:
        return self.select


# --- Two servers and a registry ---------------------------------------------------------------


@dataclass
class Second:
    """The server that is killed."""

    folder: Path
    port: int
    server: EmbeddedPostgres

    def kill(self) -> None:
        """As the kernel does when memory runs out."""
        pid = int((self.folder / "pgdata/postmaster.pid").read_text().partition("\n")[0])
        os.kill(pid, signal.SIGKILL)
        self.server.stop()

    def restart(self) -> None:
        self.server.start()


@dataclass
class Fleet:
    """Every second tenant lives on the first server until that is full, the others on the second."""

    first: TenantDatabases
    second: TenantDatabases
    server: Second
    registry_url: str
    admin: asyncpg.Connection

    @property
    def count(self) -> int:
        return self.first.count + self.second.count

    def place(self, number: int) -> tuple[TenantDatabases, int]:
        if number < 2 * HERE:
            return (self.second if number % 2 else self.first), number // 2
        return self.second, number - HERE

    def database(self, number: int) -> str:
        databases, index = self.place(number)
        return databases.name(index)

    def url(self, number: int) -> str:
        databases, index = self.place(number)
        return databases.url(index).reveal()

    async def register(self, number: int, url: str | None = None, status: str = "active") -> str:
        await self.admin.execute(
            "INSERT INTO tenant_databases VALUES ($1, $2, $3) ON CONFLICT (tenant_id) "
            "DO UPDATE SET database_url = excluded.database_url, status = excluded.status",
            UUID(tenant(number)), url or self.url(number), status,
        )  # fmt: skip
        return tenant(number)

    def config(self, *, pool_timeout: float = 5.0, **routing: Any) -> Config:
        env = {"REGISTRY_DATABASE_URL": self.registry_url, "JWT_SECRET": "x" * 32}
        wanted = {"max_connections": 10, "idle_seconds": 30, **routing}
        return Config.from_env(env).override(
            database={"pool_timeout": pool_timeout},
            multitenancy={"strategy": "database", "routing": wanted},
        )

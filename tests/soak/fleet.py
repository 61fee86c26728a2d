"""The tenants of a soak: their tables, which begin empty, and what is really stored in them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg

from example_app.contents import run_formatted, sql
from example_app.data import ACME, GLOBEX
from example_app.database import Urls, clone, drop, template
from fraiseql_strawberry.config import Strategy

__all__ = ["Fleet", "open_fleet"]

_HOME = ("tenant/1_home", "tenant/2_tables", "tenant/3_views", "tenant/4_owners")


@dataclass(frozen=True)
class Fleet:
    """Where the tenants are.

    Args:
        urls: The blog that they were added to.
        tenants: Who they are.
        admin: A superuser's connection to its database, which no cut reaches.
    """

    urls: Urls
    tenants: tuple[UUID, ...]
    admin: asyncpg.Connection
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    @property
    def databases(self) -> list[str]:
        """The names of all databases in which the service has connections."""
        own = {self.urls.of(tenant).database for tenant in self.tenants}
        return sorted({self.urls.database, *own})

    async def set_status(self, tenant: UUID, status: str) -> None:
        """Suspend or resume a tenant; it is committed, and announced, when this returns."""
        table, key = "tenants", "id"
        if self.urls.strategy == "database":
            table, key = "tenant_databases", "tenant_id"
        await self._run(f"UPDATE fraiseql.{table} SET status = $1 WHERE {key} = $2", status, tenant)

    async def stored(self, tenant: UUID) -> Counter[str]:
        """How often each title stands in a tenant's table, on a connection of a superuser's."""
        connection = await asyncpg.connect(self.urls.of(tenant).admin_url)
        try:
            rows = await connection.fetch(
                f"SELECT title, count(*) FROM {self.urls.home(tenant)}.tb_post "
                + ("WHERE tenant_id = $1 " if self.urls.strategy == "row" else "")
                + "GROUP BY title",
                *([tenant] if self.urls.strategy == "row" else []),
            )
        finally:
            await connection.close()
        return Counter(dict(map(tuple, rows)))

    async def connections(self, *, state: str = "") -> int:
        """How many connections the service has, those of the registry apart."""
        return await self._run(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = ANY($1::text[])"
            " AND usename = 'app' AND application_name <> 'fraiseql-registry'"
            " AND ($2 = '' OR state = $2)",
            self.databases,
            state,
        )

    async def terminate_one(self) -> None:
        """End one of the service's connections, whatever it is doing."""
        await self._run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = ANY($1::text[]) AND usename = 'app' ORDER BY random() LIMIT 1",
            self.databases,
        )

    async def _run(self, sql: str, *args: object) -> Any:
        async with self._turn:
            return await self.admin.fetchval(sql, *args)


@asynccontextmanager
async def open_fleet(
    admin_url: str, strategy: Strategy, *, count: int, port: int
) -> AsyncIterator[Fleet]:
    """Make tenants for the block.

    Args:
        admin_url: A superuser of a server.
        strategy: How they are kept apart.
        count: How many.
        port: Where the service reaches the server on 127.0.0.1; it is what is registered.
    """
    urls = await clone(await template(admin_url, strategy=strategy), f"soak_{uuid4().hex[:12]}")
    tenants = tuple(uuid4() for _ in range(count))
    admin = await asyncpg.connect(urls.admin_url)
    server = await asyncpg.connect(urls.server_url)
    fleet = Fleet(urls, tenants, admin)
    try:
        for tenant in tenants:
            await _make(fleet, server, tenant, port)
        for demo in (ACME, GLOBEX):
            await fleet.set_status(demo, "archived")
        yield fleet
    finally:
        await admin.close()
        await drop(urls)
        for tenant in tenants if strategy == "database" else ():
            name = urls.of(tenant).database
            await run_formatted(server, "DROP DATABASE IF EXISTS %I WITH (FORCE)", name)
        await server.close()


async def _make(fleet: Fleet, server: asyncpg.Connection, tenant: UUID, port: int) -> None:
    urls, name = fleet.urls, f"tenant {tenant}"
    own = urls.of(tenant)
    if urls.strategy == "database":
        await run_formatted(server, "CREATE DATABASE %I TEMPLATE template0", own.database)
        admin = await asyncpg.connect(own.admin_url)
        await admin.execute(sql("2_database"))
        await admin.close()
        url = own.app_url.replace(f":{urlsplit(own.app_url).port}/", f":{port}/")
        await fleet.admin.execute(sql("control/register"), tenant, name, "pro", url)
    else:
        insert = "INSERT INTO fraiseql.tenants (id, name, plan) VALUES ($1, $2, 'pro')"
        await fleet.admin.execute(insert, tenant, name)
    if urls.strategy == "row":
        return
    migrator = await asyncpg.connect(own.migrator_url)
    async with migrator.transaction():
        await migrator.execute("SELECT set_config('blog.home', $1, true)", urls.home(tenant))
        for step in _HOME:
            await migrator.execute(sql(step))
    await migrator.close()

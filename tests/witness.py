"""What is really stored, as a superuser sees it: the same SQL for every tenant and strategy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg

from example_app.contents import contents
from example_app.data import read_blogs
from example_app.database import Urls

__all__ = ["Witness"]

TABLES = ("tb_user", "tb_post", "tb_comment")


class Witness:
    """Looks at a blog over connections that no code of ours has touched.

    Args:
        urls: The blog.
    """

    def __init__(self, urls: Urls) -> None:
        self.urls = urls
        self._databases: dict[str, asyncpg.Connection] = {}
        self._tenants: dict[UUID, asyncpg.Connection] = {}

    async def close(self) -> None:
        for connection in (*self._databases.values(), *self._tenants.values()):
            await connection.close()

    @property
    def databases(self) -> Sequence[str]:
        """The names of all the blog's databases."""
        return [content.urls.database for content in contents(self.urls)]

    async def connection(self, urls: Urls | None = None) -> asyncpg.Connection:
        """A superuser's connection to one of the databases; by default to the tenants' list."""
        urls = urls or self.urls
        if urls.database not in self._databases:
            self._databases[urls.database] = await asyncpg.connect(urls.admin_url)
        return self._databases[urls.database]

    async def of(self, tenant: UUID) -> asyncpg.Connection:
        """A connection on which `tb_user`, `tb_post` and `tb_comment` are one tenant's rows.

        No policy and no role of the service's is asked, so what is found is what is stored.
        """
        if tenant in self._tenants:
            return self._tenants[tenant]
        connection = await asyncpg.connect(self.urls.of(tenant).admin_url)
        if self.urls.strategy == "row":
            for table in TABLES:  # a temporary view stands in front of the table
                await connection.execute(
                    f"CREATE TEMP VIEW {table} AS "
                    f"SELECT * FROM app.{table} WHERE tenant_id = '{tenant}'"
                )
        else:
            await connection.execute(f"SET search_path = {self.urls.home(tenant)}, pg_temp")
        self._tenants[tenant] = connection
        return connection

    async def fetch(self, tenant: UUID, sql: str, *args: object) -> list[asyncpg.Record]:
        """Run a query over one tenant's rows."""
        return await (await self.of(tenant)).fetch(sql, *args)

    async def owners(self, sql: str, *args: object) -> list[UUID]:
        """The tenants in whose rows a query finds something."""
        tenants = [blog.tenant_id for blog in read_blogs()]
        return [tenant for tenant in tenants if await self.fetch(tenant, sql, *args)]

    async def everywhere(self, sql: str) -> None:
        """Run commands for each set of tables there is; without a schema they name those."""
        homes = {(self.urls.of(b.tenant_id), self.urls.home(b.tenant_id)) for b in read_blogs()}
        for urls, home in homes:
            connection = await self.connection(urls)
            await connection.execute(f"SET search_path = {home}, pg_temp")
            await connection.execute(sql)
            await connection.execute("RESET search_path")

    async def defer_checks(self) -> None:
        """From now on, a post of nobody's passes its INSERT and fails at COMMIT."""
        await self.everywhere("""
            DO $$
            DECLARE
              name text;
            BEGIN
              FOR name IN SELECT conname FROM pg_constraint
                          WHERE conrelid = 'tb_post'::regclass AND contype = 'f' LOOP
                EXECUTE format(
                  'ALTER TABLE tb_post ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED', name);
              END LOOP;
            END
            $$
        """)

    async def set_status(self, tenant: UUID, status: str) -> None:
        """Change the tenant's status where the service looks it up."""
        table, key = "fraiseql.tenants", "id"
        if self.urls.strategy == "database":
            table, key = "fraiseql.tenant_databases", "tenant_id"
        connection = await self.connection()
        await connection.execute(f"UPDATE {table} SET status = $1 WHERE {key} = $2", status, tenant)

    async def register(self, databases: Mapping[UUID, str]) -> None:
        """Write down where tenants' own databases are."""
        await (await self.connection()).executemany(
            "UPDATE fraiseql.tenant_databases SET database_url = $2 WHERE tenant_id = $1",
            list(databases.items()),
        )

    async def activity(self, *columns: str) -> list[tuple[Any, ...]]:
        """Each connection of the service, with what PostgreSQL says of it."""
        rows = await (await self.connection()).fetch(
            f"SELECT pid, {', '.join(columns)} FROM pg_stat_activity "
            "WHERE datname = ANY($1::text[]) AND usename = 'app'"
            "  AND application_name <> 'fraiseql-registry'"  # it listens, whatever is served
            " ORDER BY pid",
            self.databases,
        )
        return [tuple(row) for row in rows]

    async def registry_listens(self) -> None:
        """Wait until it does: then it forgets the tenants, and looks at each once more."""
        listening = (
            "SELECT FROM pg_stat_activity WHERE datname = $1 AND state = 'idle'"
            "  AND application_name = 'fraiseql-registry' AND query ~ 'LISTEN|SELECT 1'"
        )
        async with asyncio.timeout(20):
            while not await (await self.connection()).fetch(listening, self.urls.database):
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def nothing_sent(self) -> AsyncIterator[None]:
        """Fails when any statement of the service reaches PostgreSQL within the block."""
        # What a start leaves to be done in the background, such as the registry's first look at
        # a tenant once it listens, is over first: also where a busy machine takes long for it.
        before = await self.statements()
        await asyncio.sleep(0.05)
        while (now := await self.statements()) != before or any("active" in row for row in now):
            before = now
            await asyncio.sleep(0.05)
        yield
        assert await self.statements() == before

    async def statements(self) -> list[tuple[Any, ...]]:
        """Each connection of the service, with when it last began a statement."""
        return await self.activity("backend_start", "query_start", "state_change", "state")

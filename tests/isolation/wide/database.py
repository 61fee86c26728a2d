"""A database with the wide schema, an unprivileged role, and the rows of three tenants."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from fraiseql_strawberry.graphql.compiler import SchemaIndex
from fraiseql_strawberry.sql.catalog import CATALOG_SQL, Catalog, source_names
from tests.isolation.wide.rows import TENANTS, make_rows

__all__ = ["Wide", "open_wide"]

_DDL = Path(__file__).with_name("schema.sql").read_text("utf-8")


class Wide:
    """A connection of the application role to the wide database.

    It runs a query as a tenant the way the row strategy does: a setting for the length of the
    transaction.
    """

    def __init__(self, connection: asyncpg.Connection, url: str, catalog: Catalog) -> None:
        self.connection = connection
        self.url = url
        self.catalog = catalog

    def __repr__(self) -> str:
        return "Wide()"

    async def read(self, tenant: str | None, sql: str, args: list[Any]) -> str | None:
        async with self.connection.transaction(readonly=True):
            if tenant is not None:
                await self.connection.execute(
                    "SELECT set_config('app.tenant_id', $1, true)", tenant
                )
            return await self.connection.fetchval(sql, *args)


@asynccontextmanager
async def open_wide(admin_url: str, index: SchemaIndex) -> AsyncIterator[Wide]:
    """Make the database, and drop it and its role in the end."""
    name = f"wide_{uuid4().hex}"
    server = await asyncpg.connect(admin_url)
    await server.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}' NOBYPASSRLS")
    await server.execute(
        f"CREATE DATABASE {name} LC_COLLATE 'C' LC_CTYPE 'C.UTF-8' TEMPLATE template0"
    )
    parts = urlsplit(admin_url)
    try:
        await _fill(parts._replace(path=f"/{name}").geturl(), name)
        netloc = f"{name}:{name}@{parts.netloc.rpartition('@')[2]}"
        url = parts._replace(netloc=netloc, path=f"/{name}").geturl()
        connection = await asyncpg.connect(url, server_settings={"TimeZone": "UTC"})
        rows = await connection.fetch(CATALOG_SQL, source_names(index.sources()))
        yield Wide(connection, url, Catalog.read(rows))
        await connection.close()
    finally:
        await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await server.execute(f"DROP ROLE {name}")
        await server.close()


async def _fill(url: str, role: str) -> None:
    admin = await asyncpg.connect(url, server_settings={"TimeZone": "UTC"})
    await admin.execute(_DDL)
    for tenant in TENANTS:
        for table, rows in make_rows(tenant).items():
            for row in rows:
                await admin.execute(
                    f"INSERT INTO public.{table} "
                    f"SELECT * FROM jsonb_populate_record(NULL::public.{table}, $1::text::jsonb)",
                    json.dumps({**row, "tenant_id": tenant}),
                )
    await admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    await admin.close()

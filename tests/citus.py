"""Blogs on Citus: on the coordinator that `CITUS_URL` names, or in PostgreSQL with a stand-in.

The stand-in is no Citus: it is the entry of the extension in the catalog, and what of Citus's own
catalog is asked. PostgreSQL does the rest, so the forms that Citus needs are run for real, on one
server.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

from example_app.contents import Content, contents, run_formatted, sql
from example_app.data import read_blogs
from example_app.database import Urls, locate
from fraiseql_strawberry.config import Strategy
from fraiseql_strawberry.sql import golden
from tests.witness import TABLES, Witness

__all__ = ["CITUS_URL", "NO_CITUS", "CitusWitness", "blog_on_citus", "install_stand_in"]

CITUS_URL = os.environ.get("CITUS_URL", "")
NO_CITUS = "no CITUS_URL: name a coordinator by its superuser's URL, in a database that is free"

_STAND_IN = Path(__file__).with_name("citus_stand_in.sql")
_OURS = "a blog of the tests of fraiseql-strawberry"


def _statements(text: str) -> list[str]:
    """The statements of a file of the example's, with policies as Citus takes them.

    One by one, since Citus passes the whole text on that it was sent, for one of its statements.
    """
    text = text.replace(f"(SELECT {golden.HELPER})", golden.HELPER)
    found = [""]
    for line in text.splitlines(keepends=True):
        found[-1] += line
        if line.rstrip().endswith(";") and found[-1].count("$$") % 2 == 0:
            found.append("")
    return [one for one in found if not one.isspace() and one]


async def install_stand_in(admin_url: str) -> None:
    """Let a blog's database look as if it had Citus, and its tables as if they were distributed."""
    admin = await asyncpg.connect(admin_url)
    try:
        await admin.execute(_STAND_IN.read_text(encoding="utf-8"))
        for table in TABLES:
            for name, permissive in golden.POLICIES.items():
                await admin.execute(golden.drop_policy(f"app.{table}", name))
                await admin.execute(
                    golden.create_policy(f"app.{table}", name, permissive=permissive, inlined=True)
                )
    finally:
        await admin.close()


@asynccontextmanager
async def blog_on_citus(strategy: Strategy) -> AsyncIterator[Urls]:
    """A blog in the database of `CITUS_URL`, which is as it was afterwards, but for its roles.

    CREATE DATABASE … TEMPLATE copies a coordinator's database and none of its workers', so the
    blog has its schemas in the database that is there, and no other run may use it meanwhile.
    """
    database = unquote(urlsplit(CITUS_URL).path.lstrip("/")) or "postgres"
    urls = locate(
        CITUS_URL,
        database,
        strategy=strategy,
        app_password=secrets.token_hex(24),
        migrator_password=secrets.token_hex(24),
    )
    admin = await asyncpg.connect(urls.admin_url)
    try:
        await admin.execute("SELECT pg_advisory_lock(hashtextextended('tests.citus', 0))")
        await _remove(admin)
        await _prepare(admin, urls)
        (content,) = contents(urls)
        migrator = await asyncpg.connect(urls.migrator_url)
        try:
            await _fill(migrator, content)
        finally:
            await migrator.close()
        yield urls
    finally:
        await _remove(admin)
        await admin.close()


async def _prepare(admin: asyncpg.Connection, urls: Urls) -> None:
    """The roles, on all nodes; and how the coordinator logs in to the workers as one of them."""
    passwords = {
        "app": unquote(urlsplit(urls.app_url).password or ""),
        "app_migrator": unquote(urlsplit(urls.migrator_url).password or ""),
    }
    async with admin.transaction():
        await admin.execute(
            "SELECT set_config('blog.app_password', $1, true),"
            " set_config('blog.migrator_password', $2, true)",
            *passwords.values(),
        )
        await admin.execute(sql("1_roles"))
    for role, password in passwords.items():
        # 0 is every worker, -1 the node itself. Where nodes trust each other it is not looked at.
        for node in (0, -1):
            await admin.execute(
                "DELETE FROM pg_dist_authinfo WHERE rolename = $1 AND nodeid = $2", role, node
            )
            await admin.execute(
                "INSERT INTO pg_dist_authinfo (nodeid, rolename, authinfo) VALUES ($1, $2, $3)",
                node,
                role,
                f"password={password}",
            )
    await admin.execute(sql("2_database"))


async def _fill(migrator: asyncpg.Connection, content: Content) -> None:
    shared = content.urls.strategy == "row"
    async with migrator.transaction():
        before = {
            # Each tenant's schema is placed as a whole; the control schema stays here.
            "tenant/1_home": ["SET LOCAL citus.enable_schema_based_sharding = on"],
        }
        after = {
            "3_schemas": [golden.distribute_function()],
            "4_tables": [golden.distribute_table(f"app.{table}") for table in TABLES],
        }
        # DDL of one transaction over one connection for each worker.
        await migrator.execute("SET LOCAL citus.multi_shard_modify_mode = 'sequential'")

        async def run(step: str) -> None:
            for statement in (*before.get(step, ()), *_statements(sql(step)), *after.get(step, ())):
                await migrator.execute(statement)

        await content.fill(migrator, lambda _: None, run=run)
        for schema in _schemas(content.urls, shared=shared):
            await run_formatted(migrator, "COMMENT ON SCHEMA %I IS %L", schema, _OURS)


def _schemas(urls: Urls, *, shared: bool) -> list[str]:
    homes = ["app"] if shared else [urls.home(blog.tenant_id) for blog in read_blogs()]
    return [*homes, "fraiseql"]


async def _remove(admin: asyncpg.Connection) -> None:
    """Drop the schemas that an earlier run has left, or this one.

    Raises:
        RuntimeError: One of them is somebody else's.
    """
    found = await admin.fetch(
        "SELECT nspname, obj_description(oid, 'pg_namespace') AS said FROM pg_namespace "
        "WHERE nspname IN ('app', 'fraiseql') OR nspname ~ '^tenant_[0-9a-f]{32}$'"
    )
    for name, said in found:
        if said != _OURS:
            raise RuntimeError(f"CITUS_URL: its database has a schema {name} that is not ours")
        await run_formatted(admin, "DROP SCHEMA IF EXISTS %I CASCADE", name)


class CitusWitness(Witness):
    """Sees what is stored. Citus does not write through views, so DELETE names the table."""

    async def fetch(self, tenant, sql: str, *args: object):
        if self.urls.strategy == "row" and sql.startswith("DELETE FROM "):
            table, _, condition = sql.removeprefix("DELETE FROM ").partition(" WHERE ")
            connection = await self.connection()
            return await connection.fetch(
                f"DELETE FROM app.{table} WHERE tenant_id = '{tenant}' AND {condition}", *args
            )
        return await super().fetch(tenant, sql, *args)

"""Connections to a blog, and what may be left on one when a request gives it back.

The blogs themselves, `tenancy` and `make_tenancy` are in `tests/conftest.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, closing
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from example_app.contents import sql
from example_app.data import ACME, GLOBEX
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from tests.isolation.registry_database import RegistryDatabase, open_registry

# What outlives a transaction, and would reach the next request that takes the connection.
LEFTOVERS = """
    SELECT current_setting('app.tenant_id', true)                              AS tenant,
           COALESCE(current_setting('app.tenant_seal', true), '') <> ''        AS seal,
           current_setting('application_name') LIKE 't:%'                      AS name,
           current_user <> session_user                                        AS role,
           (SELECT setting IS DISTINCT FROM reset_val FROM pg_settings WHERE name = 'search_path')
                                                                               AS path,
           (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()) AS temp_tables,
           (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory')
                                                                               AS locks,
           (SELECT count(*) FROM pg_cursors WHERE is_holdable)                 AS cursors,
           (SELECT count(*) FROM pg_listening_channels())                      AS channels
"""
CLEAN = {
    "seal": False,
    "name": False,
    "role": False,
    "path": False,
    "temp_tables": 0,
    "locks": 0,
    "cursors": 0,
    "channels": 0,
}

MakeDatabase = Callable[..., AbstractAsyncContextManager[Any]]
AssertClean = Callable[[Tenancy], Awaitable[None]]


@pytest.fixture
async def app_role(blog: Urls) -> AsyncIterator[asyncpg.Connection]:
    """A new connection of the role that the service uses."""
    connection = await asyncpg.connect(blog.app_url)
    yield connection
    await connection.close()


@pytest.fixture
async def superuser(blog: Urls) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection, in a transaction that is rolled back."""
    connection = await asyncpg.connect(blog.admin_url)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


@pytest.fixture(scope="session")
def assert_clean() -> AssertClean:
    """Takes every connection that the pools can give at once, and finds nothing on any of them."""

    async def check(tenancy: Tenancy) -> None:
        engines: set[AsyncEngine] = set()
        for tenant in (ACME, GLOBEX):
            # A connection to a tenant's own database is that tenant's for as long as it lives;
            # behind a transaction pooler nothing outlives a transaction.
            by_database = tenancy.isolation.name == "database"
            pooled = tenancy.config.database.pooler == "transaction"
            own = str(tenant) if by_database and not pooled else ""
            async with tenancy.isolation.engine(str(tenant)) as engine:
                if engine not in engines:
                    engines.add(engine)
                    await _check(engine, own, named=by_database)

    return check


async def _check(engine: AsyncEngine, tenant: str, *, named: bool) -> None:
    pool: Any = engine.pool
    async with asyncio.timeout(5):  # a cancelled read's connection is closed in the background
        while pool.checkedout():
            await asyncio.sleep(0.005)
    with ExitStack() as stack:
        for _ in range(pool.size()):
            connection = stack.enter_context(
                closing(await engine.raw_connection())
            ).driver_connection
            assert not connection.is_in_transaction()
            found = dict(await connection.fetchrow(LEFTOVERS))
            # Without one it is unknown on a fresh connection, or empty.
            assert (found.pop("tenant") or "") == tenant
            assert found == {**CLEAN, "name": named}


@pytest.fixture
async def empty_database(make_database, blog_template: Urls) -> AsyncIterator[Urls]:
    """A database with nothing in it, for the three roles of a blog."""
    async with make_database() as database:
        urls = blog_template.renamed(database.name)
        admin = await asyncpg.connect(urls.admin_url)
        await admin.execute(sql("2_database"))
        await admin.close()
        yield urls


@pytest.fixture
async def registry_database(
    make_database: MakeDatabase, blog_template: Urls
) -> AsyncIterator[RegistryDatabase]:
    """A registry of one test, on the server that has the roles of the blog."""
    async with make_database() as (name, url), open_registry(name, url) as registry:
        yield registry

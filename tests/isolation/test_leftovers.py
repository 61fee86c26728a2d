"""What a session's own SQL would leave on its connection is gone when the next one takes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from asyncpg.exceptions import DivisionByZeroError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.engine import asyncpg_url
from fraiseql_strawberry.leftovers import ClearedConnection
from tests.isolation.conftest import CLEAN, LEFTOVERS
from tests.pgbouncer import PgBouncer
from tests.witness import Witness

pytestmark = pytest.mark.strategies("row", "schema")

MakeTenancy = Callable[..., Tenancy]

LEAVINGS = {
    "a tenant": f"SELECT set_config('app.tenant_id', '{GLOBEX}', false)",
    "a path": "SET search_path = pg_temp",
    "a setting": "SET work_mem = '65kB'",
    "a time zone": "SET timezone = 'Asia/Tokyo'",
    "a time-out": "SET statement_timeout = 500",
    "a setting from a function": "DO $$ BEGIN PERFORM set_config('work_mem', '65kB', false); END $$",
    "a role": "SET ROLE fraiseql_leftover",
    "a channel": "LISTEN news",
    "a lock": "SELECT pg_advisory_lock(42)",
    "a temporary table": "CREATE TEMP TABLE v_post AS SELECT 'leak' AS title",
    "a cursor": "DECLARE held CURSOR WITH HOLD FOR SELECT title FROM v_post",
}
# What is left when the transaction is rolled back: all else goes with it.
OUTLIVES_A_ROLLBACK = ["a lock"]
SETTINGS = "SELECT name FROM pg_settings WHERE source = 'session' ORDER BY name"
TITLES = text("SELECT title FROM v_post")
INSERT = text("INSERT INTO tb_post (user_id, title, content) VALUES (gen_random_uuid(), 'x', 'y')")


@pytest.fixture(scope="module", autouse=True)
async def privileged(blog: Urls, witness: Witness, admin_url: str) -> AsyncIterator[None]:
    """The role may do more than it should: temporary tables, and another role's work."""
    server = await asyncpg.connect(admin_url)
    await server.execute(
        "DO $$ BEGIN CREATE ROLE fraiseql_leftover NOLOGIN; EXCEPTION WHEN OTHERS THEN END $$"
    )
    await server.execute("GRANT fraiseql_leftover TO app")
    await server.execute(f'GRANT TEMP ON DATABASE "{blog.database}" TO app')
    await witness.defer_checks()
    yield
    await server.execute("DROP ROLE fraiseql_leftover")
    await server.close()


@pytest.fixture
async def tenancy(blog: Urls, make_tenancy: MakeTenancy) -> AsyncIterator[Tenancy]:
    async with make_tenancy(blog, database={"pool_size": 1}) as running:
        yield running


async def on_the_connection(tenancy: Tenancy, sql: str) -> list[dict[str, Any]]:
    """Ask on the pool's one connection, past everything that would change what is there."""
    async with tenancy.isolation.engine(str(ACME)) as engine:
        fairy = await engine.raw_connection()
        try:
            return [dict(row) for row in await fairy.driver_connection.fetch(sql)]
        finally:
            fairy.close()


async def assert_nothing_left(tenancy: Tenancy) -> None:
    [found] = await on_the_connection(tenancy, LEFTOVERS)
    # A connection to a tenant's own database is that tenant's for as long as it lives.
    by_database = tenancy.isolation.name == "database"
    assert (found.pop("tenant") or "") == (str(ACME) if by_database else "")
    assert found == {**CLEAN, "name": by_database}
    assert await on_the_connection(tenancy, SETTINGS) == []
    async with tenancy.as_tenant(str(GLOBEX)), tenancy.session() as session:
        titles = set((await session.scalars(TITLES)).all())
        assert titles == {post.title for post in blog_of(GLOBEX).posts}


async def use(tenancy: Tenancy, sql: str, end: Callable[[AsyncSession], Any]) -> int | None:
    """Leave something behind; returns the back-end that it was left on."""
    async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
        pid = await session.scalar(text("SELECT pg_backend_pid()"))
        await session.execute(text(sql))
        await end(session)
        return pid


async def at_the_end_of_the_block(session: AsyncSession) -> None:
    pass


async def by_a_commit(session: AsyncSession) -> None:
    await session.commit()


async def behind_the_drivers_back(session: AsyncSession) -> None:
    await session.execute(text("COMMIT"))


async def by_a_rollback(session: AsyncSession) -> None:
    await session.rollback()


async def by_an_error(session: AsyncSession) -> None:
    with pytest.raises(DBAPIError):
        await session.execute(text("SELECT 1 / 0"))
    await session.rollback()


async def by_a_commit_that_fails(session: AsyncSession) -> None:
    await session.execute(INSERT)
    with pytest.raises(DBAPIError):
        await session.commit()
    await session.rollback()


COMMITS = [at_the_end_of_the_block, by_a_commit, behind_the_drivers_back]
ROLLBACKS = [by_a_rollback, by_an_error, by_a_commit_that_fails]
CASES = [(leaving, end) for leaving in LEAVINGS for end in COMMITS] + [
    (leaving, end) for leaving in OUTLIVES_A_ROLLBACK for end in ROLLBACKS
]


@pytest.mark.parametrize(
    ("leaving", "end"), CASES, ids=[f"{leaving}, {end.__name__}" for leaving, end in CASES]
)
async def test_it_is_gone(
    tenancy: Tenancy, leaving: str, end: Callable[[AsyncSession], Any]
) -> None:
    pid = await use(tenancy, LEAVINGS[leaving], end)
    await assert_nothing_left(tenancy)
    [again] = await on_the_connection(tenancy, "SELECT pg_backend_pid() AS pid")
    assert again["pid"] == pid  # the connection was cleared, not thrown away


@pytest.mark.strategies("database")
@pytest.mark.parametrize("leaving", sorted(set(LEAVINGS) - {"a temporary table"}))
async def test_it_is_gone_from_a_tenants_own_database(tenancy: Tenancy, leaving: str) -> None:
    """Where the role may make no temporary tables: those are refused."""
    await use(tenancy, LEAVINGS[leaving], by_a_commit)
    await assert_nothing_left(tenancy)


async def test_what_a_connection_starts_with_stays(blog: Urls, make_tenancy: MakeTenancy) -> None:
    names = ("statement_timeout", "plan_cache_mode", "timezone", "search_path", "application_name")
    sql = "SELECT " + ", ".join(f"current_setting('{name}') AS {name}" for name in names)
    timeout = {"pool_size": 1, "statement_timeout": "7s"}
    async with make_tenancy(blog, database=timeout) as tenancy:
        [before] = await on_the_connection(tenancy, sql)
        assert before["statement_timeout"] == "7s"
        assert before["plan_cache_mode"] == "force_generic_plan"
        assert before["timezone"] == "UTC"
        for change in (
            "SET statement_timeout = '9s'",
            "SET plan_cache_mode = force_custom_plan",
            "SET timezone = 'Asia/Tokyo'",
            "SET search_path = pg_temp",
            "SET application_name = 'another'",
        ):
            await use(tenancy, change, by_a_commit)
            assert await on_the_connection(tenancy, sql) == [before]
        async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
            mode = await session.scalar(text("SHOW plan_cache_mode"))
            assert mode == "auto"


async def test_a_connection_that_cannot_be_cleared_is_closed(
    blog: Urls, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(ClearedConnection):
        __slots__ = ()
        clearing = "SELECT 1 / 0"

    connection = await asyncpg.connect(blog.app_url, connection_class=Broken)
    with pytest.raises(DivisionByZeroError):
        async with connection.transaction():
            await connection.execute("SELECT 1")
    assert connection.is_closed()
    assert "could not be cleared" in caplog.text


async def test_a_savepoint_clears_nothing(tenancy: Tenancy) -> None:
    async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
        await session.execute(text("CREATE TEMP TABLE kept (id int) ON COMMIT PRESERVE ROWS"))
        async with session.begin_nested():
            await session.execute(text("SET LOCAL work_mem = '65kB'"))
        assert await session.scalar(text("SHOW work_mem")) == "65kB"
        assert await session.scalar(text("SELECT count(*) FROM pg_temp.kept")) == 0


# Behind a pooler the settings that decide nothing stay: RESET ALL would take the pooler's own.
POOLED = set(LEAVINGS) - {"a setting", "a time-out", "a setting from a function", "a time zone"}


@pytest.mark.parametrize("mode", ["session", "transaction"])
async def test_behind_a_pooler(
    blog: Urls, make_tenancy: MakeTenancy, pgbouncer: Callable[..., PgBouncer], mode: str
) -> None:
    bouncer = pgbouncer(mode, pool_size=1 if mode == "transaction" else 4)
    pooled = {"pool_size": 2, "pooler": mode}
    async with make_tenancy(bouncer.urls(blog), database=pooled) as tenancy:
        for leaving in sorted(POOLED):
            await use(tenancy, LEAVINGS[leaving], by_a_commit)
            [found] = await on_the_connection(tenancy, LEFTOVERS)
            assert not found.pop("tenant")
            assert found == {**CLEAN, "path": mode == "session" and found["path"]}, leaving
            async with tenancy.as_tenant(str(GLOBEX)), tenancy.session() as session:
                titles = set((await session.scalars(TITLES)).all())
                assert titles == {post.title for post in blog_of(GLOBEX).posts}
                assert await session.scalar(text("SHOW timezone")) == "UTC"


async def test_a_session_poolers_connection_gets_its_settings_back(
    blog: Urls, make_tenancy: MakeTenancy, pgbouncer: Callable[..., PgBouncer]
) -> None:
    sql = "SELECT name, setting FROM pg_settings WHERE source = 'session' ORDER BY name"
    bouncer = pgbouncer("session", pool_size=4)
    pooled = {"pool_size": 2, "pooler": "session"}
    async with make_tenancy(bouncer.urls(blog), database=pooled) as tenancy:
        before = await on_the_connection(tenancy, sql)
        assert "statement_timeout" in [row["name"] for row in before]
        for leaving in ("a path", "a time-out", "a time zone"):
            await use(tenancy, LEAVINGS[leaving], by_a_commit)
            assert await on_the_connection(tenancy, sql) == before


async def test_an_engine_of_the_applications_own(blog: Urls, make_tenancy: MakeTenancy) -> None:
    engine = create_async_engine(
        asyncpg_url(blog.app_url),
        pool_size=1,
        max_overflow=0,
        connect_args={
            "connection_class": ClearedConnection,
            "server_settings": {"application_name": "fraiseql"},
        },
    )
    async with make_tenancy(blog, options={"engine": engine}) as tenancy:
        for sql in LEAVINGS.values():
            await use(tenancy, sql, by_a_commit)
            await assert_nothing_left(tenancy)
    await engine.dispose()

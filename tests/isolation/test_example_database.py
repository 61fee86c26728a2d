"""Preparing the blog's database: again, at once, after a crash, and beside what is not ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import asyncpg
import pytest

from example_app import database
from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls, clone, drop, prepare
from fraiseql_strawberry.config import Strategy
from fraiseql_strawberry.errors import SetupError

EVERY = pytest.mark.strategies("row", "schema", "database")


@pytest.fixture
async def name(admin_url: str, strategy: Strategy) -> AsyncIterator[str]:
    """A database name that is free, and is free again afterwards."""
    name = f"example_{uuid4().hex[:12]}"
    yield name
    await drop(database.locate(admin_url, name, strategy=strategy))


async def count(urls: Urls, tenant_id: UUID = ACME) -> int:
    """How many posts of a tenant's the service sees."""
    connection = await asyncpg.connect(urls.of(tenant_id).app_url)
    try:
        async with connection.transaction():
            await connection.execute(
                "SELECT set_config('app.tenant_id', $1, true), set_config('search_path', $2, true)",
                str(tenant_id),
                f"{urls.home(tenant_id)}, pg_temp",
            )
            return await connection.fetchval("SELECT count(*) FROM v_post")
    finally:
        await connection.close()


@EVERY
async def test_prepare_makes_all_of_it_and_tells_its_progress(
    admin_url: str, name: str, strategy: Strategy
) -> None:
    told: list[str] = []

    urls = await prepare(admin_url, strategy=strategy, database=name, progress=told.append)

    for tenant in (ACME, GLOBEX):
        assert await count(urls, tenant) == len(blog_of(tenant).posts)
    assert name in told[0]
    assert [step for step in told if "loading" in step] == [
        "loading Acme Tools: 40 posts",
        "loading Globex Energy: 40 posts",
    ]


@EVERY
async def test_a_second_run_keeps_what_was_written(
    admin_url: str, name: str, strategy: Strategy
) -> None:
    urls = await prepare(admin_url, strategy=strategy, database=name)
    migrator = await asyncpg.connect(urls.of(ACME).migrator_url)
    await migrator.execute(f"DELETE FROM {urls.home(ACME)}.tb_post WHERE NOT published")
    await migrator.close()
    told: list[str] = []

    again = await prepare(admin_url, strategy=strategy, database=name, progress=told.append)

    assert again == urls
    drafts = sum(not post.published for post in blog_of(ACME).posts)
    assert await count(urls) == len(blog_of(ACME).posts) - drafts
    assert told == []


@EVERY
async def test_several_at_once(admin_url: str, name: str, strategy: Strategy) -> None:
    results = await asyncio.gather(
        *(prepare(admin_url, strategy=strategy, database=name) for _ in range(4))
    )

    assert set(results) == {results[0]}
    assert await count(results[0]) == len(blog_of(ACME).posts)


@EVERY
async def test_a_run_that_was_cut_short_is_finished_by_the_next(
    admin_url: str, name: str, strategy: Strategy
) -> None:
    def cut(step: str) -> None:
        if step == "loading Globex Energy: 40 posts":
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await prepare(admin_url, strategy=strategy, database=name, progress=cut)
    urls = await prepare(admin_url, strategy=strategy, database=name)
    for tenant in (ACME, GLOBEX):
        assert await count(urls, tenant) == len(blog_of(tenant).posts)


async def test_a_template_that_was_cut_short_is_made_anew(
    admin_url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_template_name", lambda urls: name)
    await prepare(admin_url, database=name)  # prepared, and never declared a template
    leftover = await asyncpg.connect(admin_url)
    before = await leftover.fetchval("SELECT oid FROM pg_database WHERE datname = $1", name)

    urls = await database.template(admin_url)

    after = await leftover.fetchval("SELECT oid FROM pg_database WHERE datname = $1", name)
    await leftover.close()
    assert before != after
    await drop(urls)


async def test_somebody_elses_database_is_left_alone(admin_url: str, name: str) -> None:
    server = await asyncpg.connect(admin_url)
    await server.execute(f"CREATE DATABASE {name}")
    urls = database.locate(admin_url, name)
    theirs = await asyncpg.connect(urls.admin_url)
    await theirs.execute("CREATE TABLE public.ledger (amount int)")

    with pytest.raises(SetupError, match="left alone"):
        await prepare(admin_url, database=name)

    assert await theirs.fetchval("SELECT to_regnamespace('app')") is None
    rights = await server.fetchval("SELECT datacl FROM pg_database WHERE datname = $1", name)
    assert rights is None  # as it was: PUBLIC may still connect
    await theirs.close()
    await server.close()


async def test_another_versions_database_is_left_alone(admin_url: str, name: str) -> None:
    urls = await prepare(admin_url, database=name)
    admin = await asyncpg.connect(urls.admin_url)
    await admin.execute("COMMENT ON SCHEMA app IS 'example_app of last year'")
    await admin.close()

    with pytest.raises(SetupError, match="version"):
        await prepare(admin_url, database=name)


@EVERY
async def test_a_clone_has_the_rights_and_settings_that_postgresql_does_not_copy(
    make_template: Callable[[Strategy], Awaitable[Urls]], name: str, strategy: Strategy
) -> None:
    urls = await clone(await make_template(strategy), name)

    assert await count(urls) == len(blog_of(ACME).posts)
    app = await asyncpg.connect(urls.of(ACME).app_url)
    assert not await app.fetchval(
        "SELECT count(*) FROM pg_database CROSS JOIN aclexplode(datacl) AS granted"
        " WHERE datname = current_database() AND granted.grantee = 0"
    )
    assert await app.fetchval("SHOW statement_timeout") == "10s"
    assert not await app.fetchval("SELECT has_database_privilege(current_database(), 'TEMP')")
    await app.close()


async def test_nobody_connects_to_the_template(blog_template: Urls) -> None:
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError):
        await asyncpg.connect(blog_template.admin_url)


def test_passwords_are_the_callers_or_derived(admin_url: str) -> None:
    derived = database.locate(admin_url, "blog")
    assert derived == database.locate(admin_url, "blog")
    assert derived != database.locate(admin_url.replace("://", "://x", 1), "blog")
    given = database.locate(admin_url, "blog", app_password="a/b@c:d?", migrator_password="é")
    assert "app:a%2Fb%40c%3Ad%3F@" in given.app_url
    assert "app_migrator:%C3%A9@" in given.migrator_url
    with pytest.raises(SetupError, match="app_password"):
        database.locate("postgresql://postgres@localhost/postgres", "blog")


def test_secrets_do_not_show(admin_url: str) -> None:
    urls = database.locate(admin_url, "blog", app_password="s3cret", migrator_password="s3cret")
    assert repr(urls) == "Urls(database='blog')"


def test_urls_keep_options_and_lose_credentials_in_the_query() -> None:
    urls = database.locate(
        "postgresql+asyncpg://root:pw@db.example:5433/postgres?sslmode=require&user=x&password=y",
        "my blog",
    )
    assert urls.app_url.endswith("@db.example:5433/my%20blog?sslmode=require")
    assert urls.app_url.startswith("postgresql://app:")
    assert urls.server_url.startswith("postgresql://root:pw@")


async def test_roles_that_somebody_changed_are_mended(admin_url: str) -> None:
    urls = database.locate(admin_url, "blog")
    attributes = """
        SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication,
               rolcanlogin, rolbypassrls, rolinherit
        FROM pg_roles WHERE rolname IN ('app', 'app_migrator', 'app_owner') ORDER BY rolname
    """
    # Other tests need these roles: nobody else prepares meanwhile, and all of it is rolled back.
    async with database._only_one(urls) as server:
        transaction = server.transaction()
        await transaction.start()
        before = await server.fetch(attributes)
        await server.execute(
            "ALTER ROLE app SUPERUSER CREATEROLE BYPASSRLS INHERIT;"
            "ALTER ROLE app_owner LOGIN CREATEDB BYPASSRLS;"
            "ALTER ROLE app_migrator REPLICATION NOBYPASSRLS NOINHERIT"
        )
        assert await server.fetch(attributes) != before

        await database._create_roles(server, urls)

        assert await server.fetch(attributes) == before
        await transaction.rollback()


# --- The same tables everywhere ---------------------------------------------------------------------


LAYOUT = """
    SELECT c.relname, c.relkind::text, c.reloptions::text, a.attname, a.attnotnull,
           format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid),
           pg_get_userbyid(c.relowner), c.relacl::text
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'v')
      AND a.attname <> 'tenant_id'
    ORDER BY c.relname, a.attname
"""
KEYS = """
    SELECT conrelid::regclass::text, contype::text, confrelid::regclass::text, confdeltype::text,
           (SELECT array_agg(attname ORDER BY attname) FROM pg_attribute
            WHERE attrelid = conrelid AND attnum = ANY (conkey) AND attname <> 'tenant_id')
    FROM pg_constraint WHERE connamespace = $1::regnamespace AND contype IN ('p', 'u', 'f')
    ORDER BY 1, 2, 5
"""
INDEXES = """
    SELECT indrelid::regclass::text, indisunique,
           regexp_replace(pg_get_indexdef(indexrelid), 'tenant_id(, |_)', '', 'g')
    FROM pg_index JOIN pg_class AS c ON c.oid = indrelid
    WHERE c.relnamespace = $1::regnamespace
    ORDER BY 1, 3
"""


async def layout_of(urls: Urls, home: str) -> list[list[tuple[object, ...]]]:
    connection = await asyncpg.connect(urls.admin_url)
    try:
        await connection.execute(f"SET search_path = {home}")
        found = [await connection.fetch(sql, home) for sql in (LAYOUT, KEYS, INDEXES)]
    finally:
        await connection.close()
    return [
        [tuple(v.replace(f"{home}.", "") if isinstance(v, str) else v for v in row) for row in rows]
        for rows in found
    ]


@pytest.mark.strategies("schema", "database")
async def test_a_tenants_own_tables_are_the_shared_ones_without_the_tenant(
    make_template: Callable[[Strategy], Awaitable[Urls]],
    blog: Urls,
    name: str,
    strategy: Strategy,
) -> None:
    shared = await clone(await make_template("row"), name)
    expected = await layout_of(shared, "app")
    assert len(expected[0]) > 20
    for tenant in (ACME, GLOBEX):
        assert await layout_of(blog.of(tenant), blog.home(tenant)) == expected
    if strategy == "schema":
        assert await layout_of(blog, "fraiseql") == await layout_of(shared, "fraiseql")


# --- A database for each tenant ---------------------------------------------------------------------


@pytest.mark.strategies("database")
async def test_the_registry_says_where_each_tenants_database_is(blog: Urls) -> None:
    registry = await asyncpg.connect(blog.app_url)
    rows = await registry.fetch("SELECT tenant_id, database_url, status FROM tenant_databases")
    await registry.close()
    assert {row["tenant_id"]: row["database_url"] for row in rows} == {
        tenant: blog.of(tenant).app_url for tenant in (ACME, GLOBEX)
    }
    assert {row["status"] for row in rows} == {"active"}


@pytest.mark.strategies("database")
async def test_a_start_corrects_the_address_and_keeps_the_status(
    admin_url: str, name: str, strategy: Strategy
) -> None:
    urls = await prepare(admin_url, strategy=strategy, database=name)
    migrator = await asyncpg.connect(urls.migrator_url)
    try:
        await migrator.execute(
            "UPDATE fraiseql.tenant_databases SET database_url = 'postgresql://app@old:1/x',"
            " status = 'suspended' WHERE tenant_id = $1",
            GLOBEX,
        )
        await prepare(admin_url, strategy=strategy, database=name)
        row = await migrator.fetchrow(
            "SELECT database_url, status FROM fraiseql.tenant_databases WHERE tenant_id = $1",
            GLOBEX,
        )
    finally:
        await migrator.close()
    assert tuple(row) == (urls.of(GLOBEX).app_url, "suspended")


def test_the_demos_of_all_strategies_fit_on_one_server(admin_url: str) -> None:
    names = [
        urls.of(tenant).database
        for strategy in ("row", "schema", "database")
        for urls in [database.locate(admin_url, strategy=strategy)]
        for tenant in (ACME, GLOBEX)
    ]
    assert names == [
        *("blog", "blog"),
        *("blog_schema", "blog_schema"),
        *(f"fraiseql_tenant_{tenant.hex}" for tenant in (ACME, GLOBEX)),
    ]

"""A schema for each tenant: every hazard that was seen with it (SECURITY.md, schema strategy)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.engine import asyncpg_url
from fraiseql_strawberry.errors import TenantUnavailable
from fraiseql_strawberry.isolation import SchemaNames
from tests.witness import Witness

pytestmark = pytest.mark.strategies("schema")

MakeTenancy = Callable[..., Tenancy]
AssertClean = Callable[[Tenancy], Awaitable[None]]
BOTH = pytest.mark.parametrize("tenant", [ACME, GLOBEX], ids=["acme", "globex"])

TITLES = text("SELECT title FROM v_post")
HOME = {tenant: f"tenant_{tenant.hex}" for tenant in (ACME, GLOBEX)}
ONE = {"pool_size": 1}


class Read(NamedTuple):
    """A read as the compiler makes them: names without a schema are qualified."""

    table: str = "v_post"
    column: str = "title"
    args: Sequence[Any] = ()

    def sql(self, schema: str | None = None) -> str:
        assert schema is not None
        quoted = '"' + schema.replace('"', '""') + '"'
        return f"SELECT coalesce(json_agg({self.column}), '[]') FROM {quoted}.{self.table}"


def own_titles(tenant: UUID) -> set[str]:
    return {post.title for post in blog_of(tenant).posts}


@asynccontextmanager
async def session_of(tenancy: Tenancy, tenant: object) -> AsyncIterator[AsyncSession]:
    async with tenancy.as_tenant(str(tenant)), tenancy.session() as session:
        yield session


async def in_a_session(tenancy: Tenancy, tenant: object) -> set[str]:
    async with session_of(tenancy, tenant) as session:
        return set((await session.scalars(TITLES)).all())


async def in_a_compiled_read(tenancy: Tenancy, tenant: object) -> set[str]:
    async with tenancy.as_tenant(str(tenant)):
        return set(json.loads(await tenancy.read(Read()) or ""))


async def of_the_catalog(tenancy: Tenancy, tenant: object) -> set[str]:
    place = tenancy.place_of(str(tenant))
    assert place is not None
    rows = await tenancy.isolation.catalog(
        place,
        "SELECT to_regclass(name)::text AS name FROM unnest($1::text[]) AS t(name)",
        ["v_post"],
    )
    return {row["name"] for row in rows}


WAYS = pytest.mark.parametrize(
    "read", [in_a_session, in_a_compiled_read], ids=lambda function: function.__name__
)


@pytest.fixture
async def superuser(fresh_witness: Witness) -> Callable[[str], Awaitable[Any]]:
    """Runs SQL in the blog that is this test's own."""
    return (await fresh_witness.connection()).execute


# --- No schema, no USAGE, no fall-through -----------------------------------------------------------


DECOY = """
    CREATE TABLE public.tb_post (id uuid, title text, content text, user_id uuid,
      published boolean, created_at timestamptz);
    INSERT INTO public.tb_post (title) VALUES ('of the public');
    CREATE VIEW public.v_post AS SELECT * FROM public.tb_post;
    GRANT USAGE ON SCHEMA public TO app;
    GRANT ALL ON public.tb_post, public.v_post TO app;
    ALTER ROLE app IN DATABASE {database} SET search_path = public, pg_temp;
"""
UNCHECKED = {"startup_check": "off"}  # which would refuse tables of such names
GONE = {
    "no schema": f"DROP SCHEMA {HOME[GLOBEX]} CASCADE",
    "another name": f"ALTER SCHEMA {HOME[GLOBEX]} RENAME TO tenant_x",
    "no USAGE": f"REVOKE USAGE ON SCHEMA {HOME[GLOBEX]} FROM app",
}


@pytest.fixture
async def decoy(superuser: Callable[[str], Awaitable[Any]], fresh_blog: Urls) -> None:
    """Tables of the same names in `public`, which the role may read and has on its path."""
    await superuser(DECOY.format(database=fresh_blog.database))


@pytest.mark.usefixtures("decoy")
@pytest.mark.parametrize("gone", GONE.values(), ids=GONE)
@pytest.mark.parametrize("own_engine", [False, True], ids=["our engine", "an engine of its own"])
@pytest.mark.parametrize(
    "read", [in_a_session, in_a_compiled_read, of_the_catalog], ids=lambda f: f.__name__
)
async def test_a_tenant_without_a_schema_reads_nothing_else(
    fresh_blog: Urls,
    make_tenancy: MakeTenancy,
    superuser: Callable[[str], Awaitable[Any]],
    read: Callable[..., Awaitable[Any]],
    own_engine: bool,
    gone: str,
    assert_clean: AssertClean,
) -> None:
    options = {"engine": create_async_engine(asyncpg_url(fresh_blog.app_url))} if own_engine else {}
    async with make_tenancy(fresh_blog, options=options, multitenancy=UNCHECKED) as tenancy:
        assert await read(tenancy, GLOBEX)
        await superuser(gone)
        for _ in range(2):
            with pytest.raises(TenantUnavailable):
                await read(tenancy, GLOBEX)
        assert await in_a_session(tenancy, ACME) == own_titles(ACME)
        await assert_clean(tenancy)
    if own_engine:
        await options["engine"].dispose()


@pytest.mark.usefixtures("decoy")
@WAYS
async def test_a_missing_table_is_an_error_and_not_that_of_public(
    fresh_blog: Urls,
    make_tenancy: MakeTenancy,
    superuser: Callable[[str], Awaitable[Any]],
    read: Callable[..., Awaitable[Any]],
) -> None:
    async with make_tenancy(fresh_blog, multitenancy=UNCHECKED) as tenancy:
        assert await read(tenancy, ACME) == own_titles(ACME)  # not those of public
        await superuser(f"DROP VIEW {HOME[GLOBEX]}.v_post")
        with pytest.raises(Exception, match="does not exist"):
            await read(tenancy, GLOBEX)


@pytest.mark.usefixtures("decoy")
async def test_a_connection_that_is_not_bound_finds_no_tenant_and_no_public(
    fresh_blog: Urls, make_tenancy: MakeTenancy
) -> None:
    async with make_tenancy(fresh_blog, database=ONE, multitenancy=UNCHECKED) as tenancy:
        engine = tenancy.isolation.engine_for(str(ACME))  # type: ignore[attr-defined]
        for _ in range(2):  # a fresh connection, then one that has served a tenant
            async with engine.connect() as connection:
                with pytest.raises(ProgrammingError, match="does not exist"):
                    await connection.execute(TITLES)
                await connection.rollback()
                path = await connection.scalar(text("SHOW search_path"))
                assert "public" not in path
                assert "tenant" not in path
            assert await in_a_session(tenancy, ACME) == own_titles(ACME)


async def test_ending_the_transaction_behind_the_sessions_back_finds_nothing(
    blog: Urls, make_tenancy: MakeTenancy
) -> None:
    async with make_tenancy(blog) as tenancy, session_of(tenancy, ACME) as session:
        await session.execute(TITLES)
        await session.execute(text("COMMIT"))
        with pytest.raises(ProgrammingError, match="does not exist"):
            await session.execute(TITLES)
        await session.rollback()
        assert set((await session.scalars(TITLES)).all()) == own_titles(ACME)


# --- Names ------------------------------------------------------------------------------------------


class Listed(SchemaNames):
    """Names that are lists of schemas to whoever does not quote them."""

    def __init__(self) -> None:
        super().__init__("{id}", uuids=True)
        self.of = lambda tenant_id: f"x, {HOME[GLOBEX]}"  # type: ignore[assignment]


@WAYS
async def test_a_name_is_one_name_and_no_list(
    fresh_blog: Urls,
    make_tenancy: MakeTenancy,
    superuser: Callable[[str], Awaitable[Any]],
    read: Callable[..., Awaitable[Any]],
) -> None:
    async with make_tenancy(fresh_blog) as tenancy:
        isolation: Any = tenancy.isolation
        isolation._names = Listed()
        with pytest.raises(TenantUnavailable):
            await read(tenancy, ACME)
        await superuser(
            f'CREATE SCHEMA "x, {HOME[GLOBEX]}"; GRANT USAGE ON SCHEMA "x, {HOME[GLOBEX]}" TO app;'
            f"CREATE VIEW \"x, {HOME[GLOBEX]}\".v_post AS SELECT 'its own' AS title;"
            f'GRANT SELECT ON "x, {HOME[GLOBEX]}".v_post TO app'
        )
        assert await read(tenancy, ACME) == {"its own"}


SLUGS = ["a", "a-b", "a_b", "1", "select", "tenant_a", "a" * 55]


@pytest.fixture
async def slugs(superuser: Callable[[str], Awaitable[Any]]) -> None:
    """A schema for each slug, whose one post is its name."""
    for slug in SLUGS:
        await superuser(
            f'CREATE SCHEMA "tenants_{slug}"; GRANT USAGE ON SCHEMA "tenants_{slug}" TO app;'
            f"CREATE VIEW \"tenants_{slug}\".v_post AS SELECT '{slug}'::text AS title;"
            f'GRANT SELECT ON "tenants_{slug}".v_post TO app'
        )


@pytest.mark.usefixtures("slugs")
@WAYS
async def test_slugs_and_names_of_63_bytes(
    fresh_blog: Urls, make_tenancy: MakeTenancy, read: Callable[..., Awaitable[Any]]
) -> None:
    options = {"id_type": "slug", "schema_template": "tenants_{id}"}
    async with make_tenancy(fresh_blog, multitenancy=options) as tenancy:
        for slug in SLUGS * 2:
            assert await read(tenancy, slug) == {slug}
    # One byte more, and PostgreSQL would cut the name to that of the last slug above.
    options["schema_template"] = "tenants_{id}_"
    async with make_tenancy(fresh_blog, multitenancy=options) as tenancy:
        with pytest.raises(TenantUnavailable):
            await read(tenancy, "a" * 55)


# --- Shared schemas ---------------------------------------------------------------------------------


SHARED = f"""
    CREATE SCHEMA reference; GRANT USAGE ON SCHEMA reference TO app;
    CREATE TABLE reference.country (title text); INSERT INTO reference.country VALUES ('PT');
    CREATE TABLE reference.v_post (title text); INSERT INTO reference.v_post VALUES ('of all');
    GRANT SELECT ON reference.country, reference.v_post TO app;
    DROP VIEW {HOME[GLOBEX]}.v_post;
"""


async def test_shared_schemas_come_after_the_tenants_own(
    fresh_blog: Urls, make_tenancy: MakeTenancy, superuser: Callable[[str], Awaitable[Any]]
) -> None:
    await superuser(SHARED)
    for shared in ([], ["reference"]):
        async with make_tenancy(fresh_blog, multitenancy={"shared_schemas": shared}) as tenancy:
            assert await in_a_session(tenancy, ACME) == own_titles(ACME)
            async with session_of(tenancy, ACME) as session:
                country = session.scalar(text("SELECT title FROM country"))
                if shared:
                    assert await country == "PT"
                else:
                    with pytest.raises(ProgrammingError, match="does not exist"):
                        await country
                    await session.rollback()
            if shared:  # what is missing at globex is that of all, as was asked for
                assert await in_a_session(tenancy, GLOBEX) == {"of all"}


# --- Temporary tables -------------------------------------------------------------------------------


@WAYS
async def test_a_temporary_table_of_one_tenant_shadows_nothing_of_anothers(
    fresh_blog: Urls,
    make_tenancy: MakeTenancy,
    superuser: Callable[[str], Awaitable[Any]],
    read: Callable[..., Awaitable[Any]],
) -> None:
    """The role must not have TEMP; where it has, the tenant's own schema still comes first."""
    await superuser(f"GRANT TEMP ON DATABASE {fresh_blog.database} TO app")
    async with make_tenancy(fresh_blog, database=ONE) as tenancy:
        async with session_of(tenancy, ACME) as session:
            await session.execute(text("CREATE TEMP TABLE v_post AS SELECT 'of acme' AS title"))
        for tenant in (GLOBEX, ACME):
            assert await read(tenancy, tenant) == own_titles(tenant)


async def test_a_temporary_table_stands_behind_the_tenants_own_in_its_transaction_too(
    fresh_blog: Urls, make_tenancy: MakeTenancy, superuser: Callable[[str], Awaitable[Any]]
) -> None:
    await superuser(f"GRANT TEMP ON DATABASE {fresh_blog.database} TO app")
    async with make_tenancy(fresh_blog) as tenancy, session_of(tenancy, ACME) as session:
        await session.execute(text("CREATE TEMP TABLE v_post AS SELECT 'planted' AS title"))
        assert set((await session.scalars(TITLES)).all()) == own_titles(ACME)


# --- Schemas that differ ----------------------------------------------------------------------------


# The same type and tables by name, and nothing else the same: another oid, other labels, another
# order; another type of the same column; one column more.
DRIFT = f"""
    CREATE TYPE {HOME[ACME]}.mood AS ENUM ('glad', 'sad');
    CREATE TYPE {HOME[GLOBEX]}.padding AS ENUM ('x');
    CREATE TYPE {HOME[GLOBEX]}.mood AS ENUM ('angry', 'sad', 'calm');
    CREATE TABLE {HOME[ACME]}.tb_day (n int, feeling {HOME[ACME]}.mood, moods {HOME[ACME]}.mood[]);
    CREATE TABLE {HOME[GLOBEX]}.tb_day (feeling {HOME[GLOBEX]}.mood, moods {HOME[GLOBEX]}.mood[],
      extra text, n text);
    INSERT INTO {HOME[ACME]}.tb_day VALUES (7, 'glad', '{{glad,sad}}');
    INSERT INTO {HOME[GLOBEX]}.tb_day VALUES ('calm', '{{angry}}', 'more', 'seven');
    GRANT SELECT, INSERT ON {HOME[ACME]}.tb_day, {HOME[GLOBEX]}.tb_day TO app;
"""
DAYS = {
    ACME: {"n": 7, "feeling": "glad", "moods": ["glad", "sad"]},
    GLOBEX: {"feeling": "calm", "moods": ["angry"], "extra": "more", "n": "seven"},
}


async def test_statements_of_one_text_and_schemas_that_differ(
    fresh_blog: Urls, make_tenancy: MakeTenancy, superuser: Callable[[str], Awaitable[Any]]
) -> None:
    """On one connection, in turns: no type and no plan of one tenant's serves the other."""
    await superuser(DRIFT)
    every = text("SELECT * FROM tb_day")
    chosen = text("SELECT n FROM tb_day WHERE feeling = CAST(:feeling AS mood)")
    async with make_tenancy(fresh_blog, database=ONE) as tenancy:
        for _ in range(8):  # a plan that is kept is one that was used a few times
            for tenant, day in DAYS.items():
                async with session_of(tenancy, tenant) as session:
                    assert dict((await session.execute(every)).mappings().one()) == day
                    # One transaction, one statement after the other: an error could not be mended.
                    found = await session.scalar(chosen, {"feeling": day["feeling"]})
                    assert found == day["n"]


VIEW = (
    "DROP VIEW {home}.v_user; CREATE VIEW {home}.v_user AS SELECT name, {n} AS n FROM {home}.tb_user;"
    "GRANT SELECT ON {home}.v_user TO app"
)


async def test_a_table_that_changes_under_a_kept_statement(
    fresh_blog: Urls, make_tenancy: MakeTenancy, superuser: Callable[[str], Awaitable[Any]]
) -> None:
    every = text("SELECT * FROM v_user ORDER BY name LIMIT 1")
    async with make_tenancy(fresh_blog, database=ONE) as tenancy:

        async def first(tenant: UUID) -> dict[str, Any]:
            async with session_of(tenancy, tenant) as session:
                return dict((await session.execute(every)).mappings().one())

        before = await first(ACME)
        theirs = await first(GLOBEX)
        for n, expected in (("1", 1), ("'1'::text", "1")):
            await superuser(VIEW.format(home=HOME[ACME], n=n))
            # The transaction that meets the change fails at the most; it is undone, and the next
            # one is right.
            try:
                found = await first(ACME)
            except DBAPIError:
                found = await first(ACME)
            assert found == {"name": before["name"], "n": expected}
            assert await first(GLOBEX) == theirs


# --- A role for each tenant -------------------------------------------------------------------------


class Roles(NamedTuple):
    """A role for each tenant, and a service's role that has no rights of its own."""

    urls: Urls
    template: str


@pytest.fixture
async def roles(
    fresh_blog: Urls, superuser: Callable[[str], Awaitable[Any]]
) -> AsyncIterator[Roles]:
    mark = uuid4().hex[:8]
    service = f"service_{mark}"
    await superuser(
        f"CREATE ROLE {service} LOGIN PASSWORD 'x' NOINHERIT NOSUPERUSER NOBYPASSRLS;"
        f"GRANT CONNECT ON DATABASE {fresh_blog.database} TO {service}"
    )
    for tenant, home in HOME.items():
        await superuser(
            f"CREATE ROLE r{mark}_{tenant.hex} NOLOGIN; GRANT r{mark}_{tenant.hex} TO {service};"
            f"GRANT USAGE ON SCHEMA {home} TO r{mark}_{tenant.hex};"
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {home}"
            f" TO r{mark}_{tenant.hex}"
        )
    parts = urlsplit(fresh_blog.app_url)
    url = parts._replace(netloc=f"{service}:x@{parts.hostname}:{parts.port}").geturl()
    yield Roles(replace(fresh_blog, app_url=url), f"r{mark}_{{id}}")
    for role in (service, *(f"r{mark}_{tenant.hex}" for tenant in HOME)):
        await superuser(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.fixture
async def with_roles(roles: Roles, make_tenancy: MakeTenancy) -> AsyncIterator[Tenancy]:
    options = {"role_template": roles.template}
    async with make_tenancy(roles.urls, database=ONE, multitenancy=options) as tenancy:
        yield tenancy


@BOTH
async def test_a_role_per_tenant_cannot_name_anothers_table(
    with_roles: Tenancy, tenant: UUID, assert_clean: AssertClean
) -> None:
    theirs = HOME[GLOBEX if tenant == ACME else ACME]
    for read in (in_a_session, in_a_compiled_read):
        assert await read(with_roles, tenant) == own_titles(tenant)
    assert await of_the_catalog(with_roles, tenant) == {"v_post"}
    async with session_of(with_roles, tenant) as session:
        with pytest.raises(DBAPIError, match="permission denied for schema"):
            await session.execute(text(f"SELECT title FROM {theirs}.v_post"))
        await session.rollback()
        # The next transaction has the role again.
        assert set((await session.scalars(TITLES)).all()) == own_titles(tenant)
    await assert_clean(with_roles)


async def test_the_service_itself_can_read_no_schema(with_roles: Tenancy) -> None:
    engine = with_roles.isolation.engine_for(str(ACME))  # type: ignore[attr-defined]
    await in_a_session(with_roles, ACME)
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError, match="permission denied for schema"):
            await connection.execute(text(f"SELECT title FROM {HOME[ACME]}.v_post"))


async def test_without_roles_the_shared_one_can_name_them_all(
    blog: Urls, make_tenancy: MakeTenancy
) -> None:
    """Not a guard, but what docs/how-to/schema-per-tenant.md says of `role_template`."""
    async with make_tenancy(blog) as tenancy, session_of(tenancy, ACME) as session:
        found = await session.scalars(text(f"SELECT title FROM {HOME[GLOBEX]}.v_post"))
        assert set(found.all()) == own_titles(GLOBEX)


NO_ROLE = {
    "no such role": "DROP OWNED BY {role}; DROP ROLE {role}",
    "not a member": "REVOKE {role} FROM {service}",
    "no USAGE": f"REVOKE USAGE ON SCHEMA {HOME[GLOBEX]} FROM {{role}}",
}


@pytest.mark.parametrize("gone", NO_ROLE.values(), ids=NO_ROLE)
async def test_a_tenant_whose_role_cannot_be_taken_is_unavailable(
    with_roles: Tenancy,
    roles: Roles,
    superuser: Callable[[str], Awaitable[Any]],
    gone: str,
    assert_clean: AssertClean,
) -> None:
    role = roles.template.format(id=GLOBEX.hex)
    service = urlsplit(roles.urls.app_url).username
    await superuser(gone.format(role=role, service=service))
    try:
        for read in (in_a_session, in_a_compiled_read, of_the_catalog):
            with pytest.raises(TenantUnavailable):
                await read(with_roles, GLOBEX)
            assert await in_a_session(with_roles, ACME) == own_titles(ACME)
        assert HOME[GLOBEX] not in await with_roles.isolation.places()
        await assert_clean(with_roles)
    finally:
        if "DROP" in gone:
            await superuser(f"CREATE ROLE {role}")  # for the fixture to drop


async def test_places_are_those_of_tenants_whose_role_can_be_taken(with_roles: Tenancy) -> None:
    assert set(await with_roles.isolation.places()) == set(HOME.values())


# --- What a connection remembers --------------------------------------------------------------------


async def test_what_is_no_tenants_is_prepared_once(blog: Urls, make_tenancy: MakeTenancy) -> None:
    """Statements of tenants are kept by schema; the one that binds, and those of the registry's
    table, are the same for all."""
    options = {"tenants_table": "fraiseql.tenants"}
    async with make_tenancy(blog, database=ONE, multitenancy=options) as tenancy:
        for _ in range(2):
            for tenant in (ACME, GLOBEX):
                tenancy.registry.forget()  # type: ignore[union-attr]
                await of_the_catalog(tenancy, tenant)
                assert await in_a_session(tenancy, tenant) == own_titles(tenant)
        async with session_of(tenancy, ACME) as session:
            rows = await session.scalars(text("SELECT statement FROM pg_prepared_statements"))
            kept = [row for row in rows if "pg_prepared" not in row]
    assert any("fraiseql.tenants" in statement for statement in kept)
    marked = [statement for statement in kept if statement.startswith("/* tenant_")]
    assert sorted(marked) == sorted(
        f"/* {home} */ SELECT title FROM v_post" for home in HOME.values()
    )

"""Sealed mode: PostgreSQL believes a tenant only if the service has said so."""

from __future__ import annotations

import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text

import fraiseql_strawberry as fraiseql
from example_app import schema as blog_schema
from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry import Tenancy, TenantSession
from fraiseql_strawberry.check import Severity, check_connection
from fraiseql_strawberry.check.prove import Outcome, prove_database
from fraiseql_strawberry.config import Config, Secret
from fraiseql_strawberry.errors import SetupError, UnsafeDatabase
from fraiseql_strawberry.seal import Sealer
from tests.pgbouncer import PgBouncer
from tests.sealing import KEY, SEALED, add_key, seal_blog

MakeTenancy = Callable[..., Tenancy]

SEAL = Sealer(lambda: KEY, 60)
OTHER_KEY = Secret("another-key-of-another-service-somewhere-else")
READ = "SELECT count(*) FROM app.tb_post"
INSERT = "INSERT INTO app.tb_user (id, name, email) VALUES (gen_random_uuid(), 'x', $1)"


def mac(tenant: object, expiry: object, key: Secret = KEY) -> str:
    sealed = f"{tenant}|{expiry}"
    code = hmac.digest(key.reveal().encode(), sealed.encode(), "sha256").hex()
    return f"{sealed}|{code}"


def later() -> int:
    return int(time.time()) + 60


def forgeries() -> dict[str, str]:
    good, other = SEAL(str(ACME)), mac(GLOBEX, later())
    tenant, expiry, code = good.split("|")
    return {
        "nothing": "",
        "the bare tenant": tenant,
        "no MAC": f"{tenant}|{expiry}",
        "an empty MAC": f"{tenant}|{expiry}|",
        "a MAC of zeros": f"{tenant}|{expiry}|{'0' * 64}",
        "another tenant's MAC": f"{GLOBEX}|{expiry}|{code}",
        "a longer life": f"{tenant}|{int(expiry) + 1}|{code}",
        "a MAC in capitals": f"{tenant}|{expiry}|{code.upper()}",
        "one digit too many": good + "0",
        "a line more": good + "\n",
        "another key": mac(ACME, later(), OTHER_KEY),
        "expired": mac(ACME, int(time.time()) - 2),
        "an expiry below zero": mac(ACME, -1),
        "an expiry that is no number": mac(ACME, "9e9"),
        "an expiry beyond all numbers": mac(ACME, "9" * 30),
        "two tenants": f"{GLOBEX}|{good}",
        "a tenant around another": f"{other.split('|')[0]}{good}",
        "not a tenant at all": f"'; DROP TABLE x|{expiry}|{'a' * 64}",
        "long": "a" * 1_000_000,
        "not ASCII": f"{tenant}|{expiry}|" + "é" * 64,
    }


@pytest.fixture(scope="module")
async def sealed(blog: Urls) -> Urls:
    await seal_blog(blog)
    return blog


@pytest.fixture
async def app(sealed: Urls) -> AsyncIterator[asyncpg.Connection]:
    """The application role's connection, in a transaction."""
    connection = await asyncpg.connect(sealed.app_url)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def become(app: asyncpg.Connection, seal: str) -> None:
    await app.execute("SELECT set_config('app.tenant_seal', $1, true)", seal)


# --- The helper -------------------------------------------------------------------------------------


@pytest.mark.parametrize("tenant", [ACME, GLOBEX], ids=["acme", "globex"])
async def test_a_seal_is_a_tenant(app: asyncpg.Connection, tenant: Any) -> None:
    await become(app, SEAL(str(tenant)))
    assert await app.fetchval(READ) == len(blog_of(tenant).posts)
    await app.execute(INSERT, "x@example.com")
    rows = await app.fetch("SELECT tenant_id FROM app.tb_user WHERE email = 'x@example.com'")
    assert [row["tenant_id"] for row in rows] == [tenant]


@pytest.mark.parametrize("name", forgeries())
async def test_what_is_no_seal_is_nobody(app: asyncpg.Connection, name: str) -> None:
    await become(app, forgeries()[name])
    await app.execute("SELECT set_config('app.tenant_id', $1, true)", str(ACME))
    assert await app.fetchval(READ) == 0
    assert await app.execute("UPDATE app.tb_post SET title = title") == "UPDATE 0"
    assert await app.execute("DELETE FROM app.tb_comment") == "DELETE 0"
    with pytest.raises(asyncpg.PostgresError) as refused:
        async with app.transaction():
            await app.execute(
                INSERT.replace("(id,", "(tenant_id, id,").replace("(gen", f"('{ACME}', gen"),
                "x@example.com",
            )
    assert "row-level security" in str(refused.value)


async def test_the_second_in_which_it_ends_still_counts(app: asyncpg.Connection) -> None:
    now = await app.fetchval("SELECT extract(epoch FROM now())::numeric")
    await become(app, mac(ACME, int(now) + 1))
    assert await app.fetchval(READ)
    await become(app, mac(ACME, int(now) - 1))
    assert not await app.fetchval(READ)


async def test_a_seal_does_not_expire_within_its_transaction(app: asyncpg.Connection) -> None:
    await become(app, mac(ACME, int(time.time()) + 1))
    await app.execute("SELECT pg_sleep(2.2)")
    assert await app.fetchval(READ) == len(blog_of(ACME).posts)


async def test_a_key_can_be_any_length(sealed: Urls, app: asyncpg.Connection) -> None:
    admin = await asyncpg.connect(sealed.admin_url)
    keys = [Secret("k" * n) for n in (32, 64, 65, 200)]
    try:
        for key in keys:
            await add_key(admin, key)
            await become(app, mac(ACME, later(), key))
            assert await app.fetchval(READ), key.size
    finally:
        await admin.execute(
            "DELETE FROM fraiseql.seal_keys WHERE made_at > $1",
            await admin.fetchval("SELECT min(made_at) FROM fraiseql.seal_keys"),
        )
        await admin.close()


async def test_a_retired_key_is_refused(sealed: Urls, app: asyncpg.Connection) -> None:
    admin = await asyncpg.connect(sealed.admin_url)
    await become(app, SEAL(str(ACME)))
    assert await app.fetchval(READ)
    await admin.execute("UPDATE fraiseql.seal_keys SET retires_at = now() - interval '1 s'")
    try:
        assert not await app.fetchval(READ)
        await admin.execute("UPDATE fraiseql.seal_keys SET retires_at = now() + interval '1 h'")
        assert await app.fetchval(READ)
    finally:
        await admin.execute("UPDATE fraiseql.seal_keys SET retires_at = NULL")
        await admin.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM fraiseql.seal_keys",
        "UPDATE fraiseql.seal_keys SET retires_at = now()",
        "INSERT INTO fraiseql.seal_keys VALUES ('x', '', '')",
        "DELETE FROM fraiseql.seal_keys",
        "CREATE TEMP TABLE seal_keys (id text)",
        "CREATE OR REPLACE FUNCTION fraiseql.current_tenant_id() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
        "ALTER FUNCTION fraiseql.current_tenant_id() SECURITY INVOKER",
    ],
)
async def test_the_keys_are_out_of_reach(app: asyncpg.Connection, sql: str) -> None:
    await become(app, SEAL(str(ACME)))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute(sql)


async def test_it_is_evaluated_once_per_query(sealed: Urls, app: asyncpg.Connection) -> None:
    await become(app, SEAL(str(ACME)))
    plan = await app.fetch("EXPLAIN (ANALYZE, COSTS off, TIMING off) " + READ)
    lines = [row[0] for row in plan]
    assert any("InitPlan" in line for line in lines)
    calls = [line for line in lines if line.strip().startswith("->  Result")]
    assert all("loops=1" in line or "rows=1" in line for line in calls)


# --- The service ------------------------------------------------------------------------------------


@fraiseql.mutation
async def careless(session: TenantSession, term: str) -> list[str]:
    """A resolver of a user's that builds SQL out of strings, and then reads on."""
    await session.execute(text(f"SELECT title FROM v_post WHERE title = '{term}'"))
    return list(await session.scalars(text("SELECT title FROM v_post ORDER BY title")))


CARELESS = fraiseql.build_schema([blog_schema.posts, blog_schema.create_post, careless])
TITLES = {tenant: sorted(post.title for post in blog_of(tenant).posts) for tenant in (ACME, GLOBEX)}


def inject(name: str, value: str, local: str = "true") -> str:
    # A colon would be a parameter of SQLAlchemy's; text() of a careless user has none either.
    return f"x' UNION SELECT set_config('{name}', '{value}', {local}) --"


async def ask(tenancy: Tenancy, tenant: Any, term: str) -> list[str]:
    async with tenancy.as_tenant(str(tenant)):
        result: Any = await CARELESS.execute(
            "mutation($t: String!) { careless(term: $t) }", {"t": term}
        )
    assert not result.errors, result.errors
    return result.data["careless"]


async def test_injected_sql_cannot_change_the_tenant(
    sealed: Urls, make_tenancy: MakeTenancy
) -> None:
    own = SEAL(str(ACME))
    async with make_tenancy(sealed, multitenancy=SEALED) as tenancy:
        for term, expected in [
            ("x", TITLES[ACME]),
            (inject("app.tenant_id", str(GLOBEX)), TITLES[ACME]),
            (inject("app.tenant_id", str(GLOBEX), "false"), TITLES[ACME]),
            (inject("app.tenant_seal", str(GLOBEX)), []),
            (inject("app.tenant_seal", own.replace(str(ACME), str(GLOBEX))), []),
            (inject("app.tenant_seal", mac(GLOBEX, later(), OTHER_KEY)), []),
            (inject("app.tenant_seal", str(GLOBEX), "false"), []),
        ]:
            assert await ask(tenancy, ACME, term) == expected
            # Nothing of it is left for whoever comes next, in either lane.
            assert await ask(tenancy, GLOBEX, "x") == TITLES[GLOBEX]


async def test_without_seals_it_can(fresh_blog: Urls, make_tenancy: MakeTenancy) -> None:
    """What sealed mode is for: the same resolver, the same text, the plain setting."""
    async with make_tenancy(fresh_blog) as tenancy:
        term = inject("app.tenant_id", str(GLOBEX))
        assert await ask(tenancy, ACME, term) == TITLES[GLOBEX]


@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "PgBouncer"])
async def test_expired_seals_are_nobodys_in_both_lanes(
    sealed: Urls, make_tenancy: MakeTenancy, request: pytest.FixtureRequest, pooled: bool
) -> None:
    urls, database = sealed, {}
    if pooled:
        bouncer: PgBouncer = request.getfixturevalue("pgbouncer")("transaction")
        urls, database = bouncer.urls(sealed), {"pooler": "transaction"}
    async with make_tenancy(urls, database=database, multitenancy=SEALED) as tenancy:
        isolation: Any = tenancy.isolation
        async with tenancy.as_tenant(str(ACME)):
            for schema, fast in ((CARELESS, True), (CARELESS, False)):
                found: Any = await schema.execute("{ posts(limit: 100) { title } }")
                assert len(found.data["posts"]) == len(TITLES[ACME]), fast
        isolation._value = Sealer(lambda: KEY, -120)  # as if the clock of this machine were slow
        async with tenancy.as_tenant(str(ACME)):
            found = await CARELESS.execute("{ posts(limit: 100) { title } }")
            assert found.data == {"posts": []}
            found = await CARELESS.execute('mutation { careless(term: "x") }')
            assert found.data == {"careless": []}
            with pytest.raises(Exception, match="row-level security"):
                async with tenancy.session() as session:
                    await session.execute(
                        text(
                            "INSERT INTO tb_post (tenant_id, title, content) VALUES (:t, 'x', 'x')"
                        ),
                        {"t": ACME},
                    )


class _Titles:
    args = ()

    def sql(self, schema: str | None = None) -> str:
        return "SELECT json_agg(title) FROM v_post"


async def test_no_statement_shows_a_seal_to_other_sessions(
    sealed: Urls, make_tenancy: MakeTenancy
) -> None:
    """`pg_stat_activity` shows the text of each to every session of the same role."""
    spy = await asyncpg.connect(sealed.app_url)
    shown: list[str] = []

    async def look() -> None:
        rows = await spy.fetch("SELECT query FROM pg_stat_activity WHERE usename = 'app'")
        shown.extend(row["query"] for row in rows)

    async def work(transaction: Any) -> str | None:
        await look()
        return await transaction.read(_Titles())

    async with make_tenancy(sealed, multitenancy=SEALED) as tenancy:
        await tenancy.isolation.read(str(ACME), _Titles())
        await look()
        written = await tenancy.isolation.write(str(ACME), work)
        assert len(json.loads(written or "[]")) == len(TITLES[ACME])
        async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
            await session.connection()
            await look()
    await spy.close()
    assert any("app.tenant_seal" in text for text in shown)
    assert not [text for text in shown if re.search(r"[0-9a-f]{64}", text)]


# --- Start-up, check, prove -------------------------------------------------------------------------


async def refusal(tenancy: Tenancy) -> str:
    with pytest.raises(SetupError) as refused:
        async with tenancy:
            pass
    return str(refused.value)


async def test_a_start_refuses_what_would_show_nothing_or_too_much(
    fresh_blog: Urls, sealed: Urls, make_tenancy: MakeTenancy
) -> None:
    said = await refusal(make_tenancy(fresh_blog, multitenancy=SEALED))
    assert "believes a tenant without a seal" in said
    wrong = {**SEALED, "seal": {"key": OTHER_KEY}}
    said = await refusal(make_tenancy(sealed, multitenancy=wrong))
    assert "does not believe the seals of this service" in said
    assert "clocks differ" in said
    for secret in (OTHER_KEY, KEY):
        assert secret.reveal() not in said
    said = await refusal(make_tenancy(sealed, multitenancy={"setting": "sealed"}))
    assert "seal rotate" in said


async def test_a_start_refuses_keys_that_the_application_can_read(
    fresh_blog: Urls, make_tenancy: MakeTenancy
) -> None:
    await seal_blog(fresh_blog)
    admin = await asyncpg.connect(fresh_blog.admin_url)
    await admin.execute("GRANT SELECT (inner_pad) ON fraiseql.seal_keys TO app")
    await admin.close()
    tenancy = make_tenancy(fresh_blog, multitenancy=SEALED)
    with pytest.raises(UnsafeDatabase, match="K01"):
        async with tenancy:
            pass


FAULTS = [
    ("K01", "GRANT SELECT ON fraiseql.seal_keys TO app"),
    ("K01", "GRANT INSERT ON fraiseql.seal_keys TO PUBLIC"),
    ("K01", "GRANT SELECT (outer_pad) ON fraiseql.seal_keys TO app"),
    ("K02", "ALTER FUNCTION fraiseql.current_tenant_id() SECURITY INVOKER"),
    ("K02", "ALTER FUNCTION fraiseql.current_tenant_id() RESET search_path"),
    ("K02", "ALTER FUNCTION fraiseql.current_tenant_id() SET search_path = app, pg_catalog"),
    ("K02", "DROP TABLE fraiseql.seal_keys"),
    (
        "K02",
        "CREATE OR REPLACE FUNCTION fraiseql.current_tenant_id() RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT split_part(current_setting('app.tenant_seal', true), '|', 1)::uuid $$",
    ),
    (
        "T04",
        "DROP POLICY tenant_fence ON app.tb_post; ALTER POLICY tenant_access ON app.tb_post USING (tenant_id = (SELECT split_part(current_setting('app.tenant_seal', true), '|', 1)::uuid))",
    ),
]


def config_of(urls: Urls) -> Config:
    return Config.from_env({"DATABASE_URL": urls.app_url}).override(multitenancy=SEALED)


async def test_check_has_nothing_against_a_sealed_blog(sealed: Urls) -> None:
    connection = await asyncpg.connect(sealed.app_url)
    _, found = await check_connection(config_of(sealed), connection)
    await connection.close()
    assert [one.key for one in found] == []


@pytest.mark.parametrize(("rule", "sql"), FAULTS)
async def test_check_finds_what_breaks_the_seal(sealed: Urls, rule: str, sql: str) -> None:
    admin = await asyncpg.connect(sealed.admin_url)
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute(sql)
        _, found = await check_connection(config_of(sealed), admin, role="app")
        errors = [one for one in found if one.severity is Severity.ERROR]
        assert {one.rule.id for one in errors} == {rule}
        for one in errors:
            await admin.execute(one.fix)
        _, left = await check_connection(config_of(sealed), admin, role="app")
        assert not [one for one in left if one.severity is Severity.ERROR]
    finally:
        await transaction.rollback()
        await admin.close()


async def test_what_mends_an_unsealed_blog_seals_it(
    fresh_blog: Urls, make_tenancy: MakeTenancy
) -> None:
    admin = await asyncpg.connect(fresh_blog.admin_url)
    _, found = await check_connection(config_of(fresh_blog), admin, role="app")
    assert [one.rule.id for one in found if one.severity is Severity.ERROR] == ["K02"]
    for one in found:
        await admin.execute(one.fix)
    await add_key(admin, KEY)
    await admin.close()
    async with make_tenancy(fresh_blog, multitenancy=SEALED) as tenancy:
        assert await ask(tenancy, ACME, "x") == TITLES[ACME]


async def test_nothing_gets_through_a_sealed_blog(sealed: Urls) -> None:
    connection = await asyncpg.connect(sealed.app_url)
    proof = await prove_database(config_of(sealed), connection, (str(ACME), str(GLOBEX)))
    await connection.close()
    assert not proof.holes
    assert proof.count(Outcome.CLOSED) > 40
    assert proof.count(Outcome.NOT_TRIED) < 6


async def test_an_injected_tenant_gets_through_a_plain_blog_only(sealed: Urls) -> None:
    """A seal that is not ours is no attack that `prove` could win; a bare tenant is none either."""
    connection = await asyncpg.connect(sealed.app_url)
    async with connection.transaction():
        await become(connection, str(uuid4()))
        assert await connection.fetchval("SELECT fraiseql.current_tenant_id()") is None
    await connection.close()

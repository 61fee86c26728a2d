"""Tenants whose schemas differ, as in the middle of a wave of migrations: each has plans of its own."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import text

import fraiseql_strawberry as fraiseql
from example_app.data import ACME, GLOBEX
from example_app.database import Urls
from fraiseql_strawberry import Tenancy, TenantSession
from fraiseql_strawberry.errors import SchemaError
from tests.service import Client, serving
from tests.witness import Witness

pytestmark = pytest.mark.strategies("schema")

Token = Callable[..., str]
Run = Callable[[str], Awaitable[Any]]

OLD, NEW = (f"tenant_{tenant.hex}" for tenant in (ACME, GLOBEX))

# acme is a revision behind: no note. The enum and the number are of other types by the same names.
DAYS = f"""
    CREATE TYPE {OLD}.mood AS ENUM ('GLAD', 'SAD');
    CREATE TABLE {OLD}.tb_day (n int NOT NULL, feeling {OLD}.mood NOT NULL);
    INSERT INTO {OLD}.tb_day VALUES (1, 'GLAD'), (2, 'SAD');

    CREATE TYPE {NEW}.padding AS ENUM ('x');
    CREATE TYPE {NEW}.mood AS ENUM ('SAD', 'ANGRY', 'GLAD');
    CREATE TABLE {NEW}.tb_day (note text, feeling {NEW}.mood NOT NULL, n int8 NOT NULL);
    INSERT INTO {NEW}.tb_day VALUES ('a', 'SAD', 3), (NULL, 'SAD', 4), ('c', 'GLAD', 5);

    GRANT SELECT, INSERT, DELETE ON {OLD}.tb_day, {NEW}.tb_day TO app;
"""


@fraiseql.enum
class Mood(Enum):
    GLAD = "GLAD"
    SAD = "SAD"


@fraiseql.type(sql_source="tb_day")
class Day:
    n: int
    feeling: Mood
    note: str | None


@fraiseql.query(sql_source="tb_day", order_by="n")
def days(feeling: Mood | None = None, limit: int = 20) -> list[Day]: ...


@fraiseql.mutation
async def add_day(session: TenantSession, n: int) -> Day:
    await session.execute(text("INSERT INTO tb_day (n, feeling) VALUES (:n, 'SAD')"), {"n": n})
    return await fraiseql.load(Day, session, n=n)


SCHEMA = fraiseql.build_schema([days, add_day])


@pytest.fixture
async def run(fresh_witness: Witness) -> Run:
    """Runs SQL as the superuser."""
    execute = (await fresh_witness.connection()).execute
    await execute(DAYS)
    return execute


@pytest.fixture(params=[True, False], ids=["fast lane", "standard lane"])
def tenancy(
    fresh_blog: Urls, make_tenancy: Callable[..., Tenancy], request: pytest.FixtureRequest
) -> Tenancy:
    graphql = {"fast_lane": request.param, "server_timing": True}
    return make_tenancy(fresh_blog, database={"pool_size": 1}, graphql=graphql)


def app_of(tenancy: Tenancy) -> FastAPI:
    app = FastAPI()
    tenancy.install(app)
    app.include_router(fraiseql.GraphQLRouter(SCHEMA, tenancy=tenancy), prefix="/graphql")

    @app.get("/days")
    async def list_days(session: TenantSession) -> list[int]:
        return list((await session.scalars(text("SELECT n FROM tb_day ORDER BY n"))).all())

    return app


@pytest.fixture
async def client(tenancy: Tenancy, run: Run) -> AsyncIterator[Client]:
    async with serving(app_of(tenancy)) as client:
        yield client


BASIC = {
    ACME: [{"n": 1, "feeling": "GLAD"}, {"n": 2, "feeling": "SAD"}],
    GLOBEX: [
        {"n": 3, "feeling": "SAD"},
        {"n": 4, "feeling": "SAD"},
        {"n": 5, "feeling": "GLAD"},
    ],
}
QUERY = "query($feeling: Mood) { days(feeling: $feeling) { n feeling } }"
NOTES = "{ days { n note } }"


async def test_one_document_over_schemas_that_differ(
    client: Client, token: Token, tenancy: Tenancy
) -> None:
    for _ in range(8):  # on one connection; a plan is kept when it was used a few times
        for tenant, expected in BASIC.items():
            for feeling in (None, "SAD", "GLAD"):
                answer = await client.graphql(QUERY, token(tenant), variables={"feeling": feeling})
                assert answer.json()["data"] == {
                    "days": [day for day in expected if feeling in (None, day["feeling"])]
                }
    lane = "fast" if tenancy.config.graphql.fast_lane else "standard"
    assert f'"{lane}: ' in answer.headers["server-timing"]


async def test_a_field_that_one_schema_lacks_is_served_to_the_others(
    client: Client, token: Token
) -> None:
    for _ in range(3):
        data = await client.data(NOTES, token(GLOBEX))
        assert [day["note"] for day in data["days"]] == ["a", None, "c"]
        answer = await client.graphql(NOTES, token(ACME))
        [error] = answer.json()["errors"]
        assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert "note" not in error["message"]
        assert (await client.data(QUERY, token(ACME)))["days"] == BASIC[ACME]


async def test_a_migration_that_comes_after_the_service_is_noticed(
    client: Client, token: Token, run: Run
) -> None:
    assert "errors" in (await client.graphql(NOTES, token(ACME))).json()
    await run(f"ALTER TABLE {OLD}.tb_day ADD COLUMN note text DEFAULT 'new'")
    async with asyncio.timeout(5):
        while "errors" in (await client.graphql(NOTES, token(ACME))).json():
            await asyncio.sleep(0.05)
    data = await client.data(NOTES, token(ACME))
    assert [day["note"] for day in data["days"]] == ["new", "new"]
    # And one that goes on while it is served.
    await run(f"ALTER TABLE {NEW}.tb_day ALTER COLUMN note TYPE varchar(99)")
    await run(f"ALTER TYPE {NEW}.mood RENAME VALUE 'ANGRY' TO 'FURIOUS'")
    assert [d["note"] for d in (await client.data(NOTES, token(GLOBEX)))["days"]] == [
        "a",
        None,
        "c",
    ]
    assert (await client.data(QUERY, token(GLOBEX)))["days"] == BASIC[GLOBEX]


ADD = "mutation($n: Int!) { addDay(n: $n) { n feeling note } }"


async def test_what_was_written_is_loaded_by_the_tenants_own_catalog(
    client: Client, token: Token, run: Run
) -> None:
    for n in (7, 8):
        answer = await client.graphql(ADD, token(ACME), variables={"n": n})
        assert answer.json()["errors"]  # no note to load
        data = await client.data(ADD, token(GLOBEX), variables={"n": n})
        assert data == {"addDay": {"n": n, "feeling": "SAD", "note": None}}
    # Those that failed were undone.
    assert (await client.get("/days", token(ACME))).json() == [1, 2]
    await run(f"ALTER TABLE {OLD}.tb_day ADD COLUMN note text")
    async with asyncio.timeout(5):
        while "errors" in (await client.graphql(ADD, token(ACME), variables={"n": 9})).json():
            await asyncio.sleep(0.05)
    assert (await client.get("/days", token(ACME))).json() == [1, 2, 9]


async def test_a_label_that_graphql_does_not_know_is_that_tenants_error(
    client: Client, token: Token, run: Run
) -> None:
    await run(f"INSERT INTO {NEW}.tb_day VALUES ('d', 'ANGRY', 6)")
    for _ in range(2):
        answer = await client.graphql(QUERY, token(GLOBEX))
        assert answer.json()["errors"]
        assert (await client.data(QUERY, token(ACME)))["days"] == BASIC[ACME]
        found = await client.data(QUERY, token(GLOBEX), variables={"feeling": "GLAD"})
        assert found["days"] == BASIC[GLOBEX][2:]


# --- Start-up ---------------------------------------------------------------------------------------


async def started(tenancy: Tenancy) -> None:
    app_of(tenancy)
    async with tenancy:
        pass


async def test_one_schema_that_fits_is_enough_to_start(tenancy: Tenancy, run: Run) -> None:
    await started(tenancy)
    await run(f"ALTER TABLE {NEW}.tb_day DROP COLUMN note")
    with pytest.raises(SchemaError, match=r'Day\.note: tb_day has no column "note"'):
        await started(tenancy)


async def test_no_schema_yet_is_no_fault(tenancy: Tenancy, run: Run) -> None:
    await run(f"DROP SCHEMA {OLD} CASCADE; DROP SCHEMA {NEW} CASCADE")
    await started(tenancy)


# --- The same for a client --------------------------------------------------------------------------


@pytest.fixture
async def listed(
    fresh_blog: Urls, make_tenancy: Callable[..., Tenancy], tenancy: Tenancy, run: Run
) -> AsyncIterator[tuple[Tenancy, Client]]:
    """With a table of tenants."""
    made = make_tenancy(
        fresh_blog,
        multitenancy={"tenants_table": "fraiseql.tenants"},
        graphql={"fast_lane": tenancy.config.graphql.fast_lane},
    )
    async with serving(app_of(made)) as client:
        yield made, client


@pytest.mark.parametrize("ask", ["query", "mutation", "route"])
async def test_unknown_suspended_missing_and_forbidden_look_the_same(
    listed: tuple[Tenancy, Client], token: Token, run: Run, fresh_witness: Witness, ask: str
) -> None:
    tenancy, client = listed
    assert tenancy.registry is not None
    numbers = itertools.count(10)

    async def body(tenant: UUID) -> tuple[int, str]:
        bearer = token(tenant, user="nobody")
        match ask:
            case "query":
                answer = await client.graphql(QUERY, bearer)
            case "mutation":
                answer = await client.graphql(ADD, bearer, variables={"n": next(numbers)})
            case _:
                answer = await client.get("/days", bearer)
        return answer.status_code, answer.text

    bodies = {await body(uuid4())}
    assert (await body(GLOBEX))[0] == 200
    await fresh_witness.set_status(GLOBEX, "suspended")
    tenancy.registry.forget()
    bodies.add(await body(GLOBEX))
    await fresh_witness.set_status(GLOBEX, "active")
    tenancy.registry.forget()
    assert (await body(GLOBEX))[0] == 200
    await run(f"REVOKE USAGE ON SCHEMA {NEW} FROM app")
    bodies.add(await body(GLOBEX))
    await run(f"DROP SCHEMA {NEW} CASCADE")
    bodies.add(await body(GLOBEX))
    assert len(bodies) == 1
    status, text_ = bodies.pop()
    assert status == 403
    assert '"TENANT_UNAVAILABLE"' in text_


# --- Shared schemas ---------------------------------------------------------------------------------


@fraiseql.type(sql_source="country")
class Country:
    name: str


@fraiseql.query(sql_source="country", order_by="name")
def countries(limit: int = 20) -> list[Country]: ...


SHARED = f"""
    CREATE SCHEMA reference; GRANT USAGE ON SCHEMA reference TO app;
    CREATE TABLE reference.country (name text); INSERT INTO reference.country VALUES ('of all');
    CREATE TABLE {NEW}.country (name text); INSERT INTO {NEW}.country VALUES ('its own');
    GRANT SELECT ON reference.country, {NEW}.country TO app;
"""


@pytest.mark.parametrize("fast_lane", [True, False], ids=["fast lane", "standard lane"])
async def test_a_source_of_a_shared_schema_unless_the_tenant_has_its_own(
    fresh_blog: Urls, make_tenancy: Callable[..., Tenancy], token: Token, run: Run, fast_lane: bool
) -> None:
    await run(SHARED)
    tenancy = make_tenancy(
        fresh_blog,
        database={"pool_size": 1},
        multitenancy={"shared_schemas": ["reference"]},
        graphql={"fast_lane": fast_lane},
    )
    app = FastAPI()
    tenancy.install(app)
    schema = fraiseql.build_schema([countries])
    app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")
    async with serving(app) as client:
        for _ in range(2):
            for tenant, name in ((ACME, "of all"), (GLOBEX, "its own")):
                data = await client.data("{ countries { name } }", token(tenant))
                assert data == {"countries": [{"name": name}]}

"""A tenant that asks too often is answered 429, whichever way it asks, and no other tenant is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import strawberry
from fastapi import FastAPI
from strawberry.schema.config import StrawberryConfig

import fraiseql_strawberry as fraiseql
from example_app.data import ACME, GLOBEX
from example_app.database import Urls
from example_app.schema import posts
from fraiseql_strawberry import Tenancy, TenantSession
from fraiseql_strawberry.events import StatementRun, TenantRefused
from tests.app.announced import socket, stream
from tests.service import Client

Token = Callable[..., str]
QUERY = "{ posts(limit: 1) { title } }"


@fraiseql.query
async def slow_way(session: TenantSession) -> int:
    return 1


@fraiseql.middleware
async def by_name(request: Any, next: Any) -> Any:
    if "x-org" in request.headers:
        request.context["tenant_id"] = request.headers["x-org"]
    return await next(request)


EVENTS: list[Any] = []


@pytest.fixture
async def client(
    fresh_blog: Urls, make_tenancy: Callable[..., Tenancy], serve: Any
) -> AsyncIterator[Client]:
    EVENTS.clear()
    tenancy = make_tenancy(
        fresh_blog,
        multitenancy={"limits": {"requests": 5, "period": "1h"}},
        options={"observers": [EVENTS.append]},
    )
    app = FastAPI()
    tenancy.install(app)
    batching = StrawberryConfig(batching_config={"max_operations": 10})
    schema = fraiseql.build_schema([posts, slow_way, by_name], config=batching)
    app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")
    theirs = strawberry.fastapi.GraphQLRouter(schema, context_getter=tenancy.context())
    app.include_router(theirs, prefix="/strawberry")

    @app.get("/rest")
    async def rest(session: TenantSession) -> str:
        return "served"

    async with serve(app) as client:
        yield client


def statements() -> int:
    return sum(isinstance(event, StatementRun) for event in EVENTS)


@pytest.mark.parametrize("query", [QUERY, "{ slowWay }", "{ nonsense", "{ unknown }"])
@pytest.mark.parametrize("path", ["/graphql", "/strawberry"])
async def test_graphql(client: Client, token: Token, query: str, path: str) -> None:
    for _ in range(5):
        assert (await client.graphql(query, token(ACME), path=path)).status_code in (200, 400)
    before = statements()
    refused = await client.graphql(query, token(ACME), path=path)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) == 720
    assert refused.json() == {
        "errors": [
            {
                "message": "Too many requests",
                "extensions": {"code": "RATE_LIMITED", "retryAfter": 720},
            }
        ]
    }
    assert refused.headers["Cache-Control"] == "no-store"
    assert statements() == before
    assert any(isinstance(e, TenantRefused) and e.code == "RATE_LIMITED" for e in EVENTS)
    assert (await client.graphql(query, token(GLOBEX), path=path)).status_code in (200, 400)


async def test_rest(client: Client, token: Token) -> None:
    for _ in range(5):
        assert (await client.get("/rest", token(ACME))).status_code == 200
    refused = await client.get("/rest", token(ACME))
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "720"
    assert (await client.get("/rest", token(GLOBEX))).status_code == 200


async def test_each_operation_of_a_batch(client: Client, token: Token) -> None:
    four = [{"query": QUERY}] * 4
    assert (await client.post("/graphql", token(ACME), json=four)).status_code == 200
    refused = await client.post("/graphql", token(ACME), json=four[:3])
    assert refused.status_code == 429
    assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_each_operation_over_a_socket(client: Client, token: Token) -> None:
    async with socket(client.url, token(ACME)) as acme:  # which counts as one itself
        for number in range(4):
            await acme.subscribe(QUERY, id=f"{number}")
            await acme.data()
            assert (await acme.next())["type"] == "complete"
        await acme.subscribe(QUERY, id="again")
        message = await acme.next()
        assert (message["id"], message["type"]) == ("again", "error")
        assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert message["payload"][0]["extensions"]["retryAfter"] == 720


async def test_streams(client: Client, token: Token) -> None:
    for _ in range(5):
        async with stream(client.url, token(ACME), QUERY) as acme:
            assert (await acme.next())[0] == "next"
    async with stream(client.url, token(ACME), QUERY) as acme:
        assert acme.response.status_code == 429


async def test_a_tenant_that_a_middleware_named(client: Client, token: Token) -> None:
    headers = {"X-Org": str(ACME)}
    for _ in range(5):
        answer = await client.graphql("{ slowWay }", token(None), headers=headers)
        assert answer.json() == {"data": {"slowWay": 1}}
    answer = await client.graphql("{ slowWay }", token(None), headers=headers)
    assert answer.status_code == 429


async def test_who_has_no_tenant_is_refused_as_ever(client: Client) -> None:
    for _ in range(8):
        assert (await client.graphql(QUERY)).status_code == 401

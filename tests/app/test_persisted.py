"""Documents that a client names: registered by their hash, or trusted; HTTP, GET and WebSockets."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from strawberry.fastapi import GraphQLRouter as TheirRouter
from websockets.asyncio.client import connect

import fraiseql_strawberry as fraiseql
from example_app import schema as blog_schema
from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.errors import SchemaError
from tests.service import Client, serving

Token = Callable[..., str]
TITLES = "{ posts(limit: 1) { title } }"
NAMES = "{ users(limit: 1) { name } }"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def named(text: str, **more: Any) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha(text)}}, **more}


@pytest.fixture(params=[True, False], ids=["fast lane", "standard lane"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture
def open_app(
    blog: Urls, make_tenancy: Callable[..., Tenancy], fast_lane: bool
) -> Callable[..., Any]:
    @asynccontextmanager
    async def open_app(**graphql: Any) -> AsyncIterator[Client]:
        settings = {"fast_lane": fast_lane, "server_timing": True, **graphql}
        tenancy = make_tenancy(blog, graphql=settings)
        app = FastAPI(lifespan=tenancy.lifespan)
        schema = fraiseql.build_schema(blog_schema)
        app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")
        async with serving(app) as client:
            yield client

    return open_app


@pytest.fixture
def trusted(tmp_path: Path) -> str:
    file = tmp_path / "queries.json"
    file.write_text(json.dumps({"titles": TITLES, sha(NAMES): NAMES}))
    return str(file)


def code(answer: Any) -> str:
    return answer.json()["errors"][0]["extensions"]["code"]


async def ask_socket(client: Client, token: str, payload: dict[str, Any]) -> dict[str, Any]:
    url = client.url.replace("http", "ws") + "/graphql"
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        asyncio.timeout(10),
        connect(url, subprotocols=["graphql-transport-ws"], additional_headers=headers) as socket,
    ):
        await socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        return json.loads(await socket.recv())


async def test_registered_once_and_then_named(
    open_app: Callable[..., Any], token: Token, fast_lane: bool
) -> None:
    async with open_app() as client:
        unknown = await client.post("/graphql", token(), json=named(TITLES))
        assert unknown.status_code == 200
        assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
        assert code(unknown) == "PERSISTED_QUERY_NOT_FOUND"
        first = await client.post("/graphql", token(), json=named(TITLES, query=TITLES))
        assert first.json()["data"]["posts"]
        again = await client.post("/graphql", token(), json=named(TITLES))
        assert again.json() == first.json()
        assert ("fast: compiled" in again.headers["server-timing"]) == fast_lane
        params = {"extensions": json.dumps(named(TITLES)["extensions"])}
        assert (await client.get("/graphql", token(), params=params)).json() == first.json()
        other = await client.post("/graphql", token(GLOBEX), json=named(TITLES))
        title = other.json()["data"]["posts"][0]["title"]
        assert title in {post.title for post in blog_of(GLOBEX).posts}
        found = await ask_socket(client, token(), named(TITLES))
        assert found["payload"]["data"] == first.json()["data"]
        missing = await ask_socket(client, token(), named(NAMES))
        assert missing["type"] == "error"
        assert missing["payload"][0]["message"] == "PersistedQueryNotFound"


async def test_nobody_registers_a_text_under_anothers_hash(
    open_app: Callable[..., Any], token: Token
) -> None:
    async with open_app() as client:
        lie = {**named(TITLES), "query": NAMES}
        refused = await client.post("/graphql", token(), json=lie)
        assert code(refused) == "BAD_USER_INPUT"
        assert code(await client.post("/graphql", token(), json=named(TITLES))) == (
            "PERSISTED_QUERY_NOT_FOUND"
        )
        await client.post("/graphql", token(), json=named(TITLES, query=TITLES))
        assert code(await client.post("/graphql", token(), json=lie)) == "BAD_USER_INPUT"
        kept = await client.post("/graphql", token(), json=named(TITLES))
        assert "posts" in kept.json()["data"]


async def test_who_is_not_known_registers_nothing(
    open_app: Callable[..., Any], token: Token
) -> None:
    async with open_app() as client:
        bad = await client.post("/graphql", "no.such.token", json=named(TITLES, query=TITLES))
        assert bad.status_code == 401
        assert code(await client.post("/graphql", token(), json=named(TITLES))) == (
            "PERSISTED_QUERY_NOT_FOUND"
        )


@pytest.mark.parametrize(
    "wanted",
    [
        {"version": 2, "sha256Hash": sha(TITLES)},
        {"version": 1},
        7,
        [],
        {"version": 1, "sha256Hash": 1},
    ],
)
async def test_another_protocol_is_refused(
    open_app: Callable[..., Any], token: Token, wanted: Any
) -> None:
    async with open_app() as client:
        body = {"query": TITLES, "extensions": {"persistedQuery": wanted}}
        refused = await client.post("/graphql", token(), json=body)
        assert code(refused) == "BAD_USER_INPUT"


async def test_registering_may_be_off(open_app: Callable[..., Any], token: Token) -> None:
    async with open_app(persisted_queries=False) as client:
        refused = await client.post("/graphql", token(), json=named(TITLES, query=TITLES))
        assert refused.json()["errors"][0]["message"] == "PersistedQueryNotSupported"
        refused = await client.post("/graphql", token(), json={"documentId": "titles"})
        assert code(refused) == "PERSISTED_QUERY_NOT_SUPPORTED"
        assert (await client.data(TITLES, token()))["posts"]


async def test_only_what_is_trusted_is_run(
    open_app: Callable[..., Any], token: Token, trusted: str, fast_lane: bool
) -> None:
    async with open_app(documents=trusted) as client:
        for body in ({"documentId": "titles"}, {"query": TITLES}):
            answer = await client.post("/graphql", token(), json=body)
            assert answer.json()["data"]["posts"], answer.text
            assert ("fast: compiled" in answer.headers["server-timing"]) == fast_lane
        by_hash = await client.post("/graphql", token(), json=named(NAMES))
        assert by_hash.json()["data"]["users"]
        by_get = await client.get("/graphql", token(), params={"documentId": "titles"})
        assert by_get.json()["data"]["posts"]
        over_socket = await ask_socket(client, token(), {"documentId": "titles"})
        assert over_socket["payload"]["data"]["posts"]
        for body in (
            {"query": "{ posts { id } }"},
            {"query": "{ posts { id "},
            {"query": "{ __schema { types { name } } }"},
            named("{ posts { id } }", query="{ posts { id } }"),
            {"documentId": "other"},
            {"documentId": ["titles"]},
            {"documentId": "titles", "query": NAMES},
            {"documentId": ""},
        ):
            refused = await client.post("/graphql", token(), json=body)
            assert code(refused) == "PERSISTED_QUERY_NOT_IN_LIST", (body, refused.text)
            assert refused.status_code == 400
        refused = await client.get("/graphql", token(), params={"query": "{ posts { id } }"})
        assert code(refused) == "PERSISTED_QUERY_NOT_IN_LIST"
        found = await ask_socket(client, token(), {"query": "{ posts { id } }"})
        assert found["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_IN_LIST"
        stream = await client.post(
            "/graphql",
            token(),
            json={"query": "{ posts { id } }"},
            headers={"Accept": "text/event-stream"},
        )
        assert "PERSISTED_QUERY_NOT_IN_LIST" in stream.text


async def test_strawberrys_own_router_runs_only_what_is_trusted(
    blog: Urls, make_tenancy: Callable[..., Tenancy], token: Token, trusted: str
) -> None:
    tenancy = make_tenancy(blog, graphql={"documents": trusted})
    schema = fraiseql.build_schema(blog_schema)
    app = FastAPI()
    app.include_router(TheirRouter(schema, context_getter=tenancy.context()), prefix="/graphql")
    tenancy.install(app)
    async with serving(app) as client:
        assert (await client.data(TITLES, token()))["posts"]
        refused = await client.graphql("{ posts { id } }", token())
        assert code(refused) == "PERSISTED_QUERY_NOT_IN_LIST"
        assert not refused.json().get("data")


async def test_jobs_run_what_they_like(
    blog: Urls, make_tenancy: Callable[..., Tenancy], trusted: str
) -> None:
    tenancy = make_tenancy(blog, graphql={"documents": trusted})
    schema = fraiseql.build_schema(blog_schema)
    async with tenancy, tenancy.as_tenant(str(ACME)):
        result = await schema.execute("{ posts { id } }")
        assert result.errors is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: no such file"),
        ("{", "is no JSON"),
        ("[]", "must be an object of texts"),
        ('{"a": 1}', "must be an object of texts"),
        (json.dumps({"0" * 64: TITLES}), "is not the SHA-256 of its text"),
    ],
)
def test_a_list_that_is_none_ends_the_start(
    blog: Urls, make_tenancy: Callable[..., Tenancy], tmp_path: Path, content: str | None, says: str
) -> None:
    file = tmp_path / "queries.json"
    if content is not None:
        file.write_text(content)
    tenancy = make_tenancy(blog, graphql={"documents": str(file)})
    with pytest.raises(SchemaError, match=says):
        fraiseql.GraphQLRouter(fraiseql.build_schema(blog_schema), tenancy=tenancy)

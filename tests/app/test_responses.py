"""The response that a client gets is that of its own request, however it was answered.

A plain request goes straight to Strawberry's execution where nothing of the application's stands in
front of our router; behind a dependency it takes FastAPI's and Strawberry's own way.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import strawberry
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig

import fraiseql_strawberry as fraiseql
from example_app.data import ACME, GLOBEX, blog_of
from fraiseql_strawberry import Tenancy, TenantSession
from fraiseql_strawberry.scope import find_scope

Token = Any
NOTES: list[Any] = []


@fraiseql.type(sql_source="v_post")
class Post:
    id: UUID
    title: str


@fraiseql.query(sql_source="v_post", order_by="-created_at, id")
def posts(limit: int = 20) -> list[Post]: ...


@fraiseql.query(sql_source="v_post", id_arg="id")
def post(id: UUID) -> Post | None: ...


@fraiseql.query
async def straight(info) -> bool:
    """Whether FastAPI's own handling has not had this request."""
    return "fastapi_inner_astack" not in info.context["request"].scope


@fraiseql.query
async def decorated(info) -> str:
    response, tasks = info.context["response"], info.context["background_tasks"]
    response.headers["X-Own"] = "yes"
    response.set_cookie("visited", "today")
    response.status_code = 202
    tasks.add_task(note_tenant)
    body = json.loads(await info.context["request"].body())
    return body["operationName"]


async def note_tenant() -> None:
    scope = find_scope()
    NOTES.append(None if scope is None else scope.tenant_id)


@fraiseql.query
async def nested(info) -> str:
    """What code of the application's reads for itself are values."""
    answer = await info.schema.execute("{ posts(limit: 1) { title } }", context_value=info.context)
    return answer.data["posts"][0]["title"]


@fraiseql.query
async def broken() -> str:
    raise ValueError("a secret of the application's")


@fraiseql.query
async def huge() -> fraiseql.BigInt:
    return 10**30


@fraiseql.query
async def anything() -> strawberry.scalars.JSON:
    return {"huge": 10**30, "tiny": 5e-324}


@fraiseql.mutation
async def rename(session: TenantSession, title: str) -> str:
    raise fraiseql.BadUserInput(f"not {title}")


FIELDS = [posts, post, straight, decorated, nested, broken, huge, anything, rename]


class Unsafe(SchemaExtension):
    """It looks at results, as it may."""

    def on_execute(self) -> Any:
        yield
        data = self.execution_context.result.data if self.execution_context.result else None
        NOTES.append(json.dumps(data))


async def passing() -> None:
    """A dependency of the application's, which stands in front."""


def app_of(tenancy: Tenancy, **options: Any) -> FastAPI:
    app = FastAPI()
    tenancy.install(app)
    dependencies = options.pop("dependencies", ())
    schema = fraiseql.build_schema(FIELDS, **options)
    router = fraiseql.GraphQLRouter(schema, tenancy=tenancy)
    app.include_router(router, prefix="/graphql", dependencies=dependencies)
    return app


@pytest.fixture(scope="module")
async def client(tenancy: Tenancy, serve: Any) -> AsyncIterator[Any]:
    async with serve(app_of(tenancy)) as client:
        yield client


@pytest.fixture(scope="module")
async def behind(tenancy: Tenancy, serve: Any) -> AsyncIterator[Any]:
    async with serve(app_of(tenancy, dependencies=[Depends(passing)])) as client:
        yield client


async def test_who_answers(client: Any, behind: Any, token: Token) -> None:
    for _ in range(3):  # through the router, and then by the door
        assert await client.data("{ straight }", token()) == {"straight": True}
        assert await behind.data("{ straight }", token()) == {"straight": False}


FIRST = str(blog_of(ACME).posts[0].id)


@pytest.mark.parametrize(
    "body",
    [
        {"query": "{ posts(limit: 3) { id title } }"},
        {"query": "{ huge posts(limit: 3) { id kind: __typename } }"},
        {"query": "{ posts(limit: 0) { id } huge }"},
        {"query": f'{{ huge post(id: "{FIRST}") {{ title }} }}'},
        {"query": f'{{ huge post(id: "{GLOBEX}") {{ title }} }}'},
        {"query": "{ anything posts(limit: 1) { title } }"},
        {"query": "query A { huge } query B { nested }", "operationName": "B"},
        {"query": "query A { huge } query B { nested }"},
        {"query": "query A { huge }", "operationName": "C"},
        {"query": "query ($n: Int!) { huge posts(limit: $n) { id } }", "variables": {"n": 2}},
        {"query": "query ($n: Int!) { huge posts(limit: $n) { id } }", "variables": {"n": "2"}},
        {"query": "query ($n: Int!) { huge posts(limit: $n) { id } }", "variables": {"n": 10**30}},
        {"query": "query ($n: Int!) { huge posts(limit: $n) { id } }"},
        {"query": "{ huge posts(limit: -1) { id } }"},
        {"query": 'mutation { rename(title: "x") }'},
        {"query": "subscription { x }"},
        {"query": "{ nothing }"},
        {"query": "{"},
        {"query": ""},
        {"query": None},
        {"query": 7},
        {"query": "{ huge }", "variables": []},
        {"query": "{ huge }", "operationName": 7},
        {"query": "{ huge }", "extensions": {"a": 1}},
        {},
        [],
        [{"query": "{ huge }"}],
        "{ huge }",
    ],
)
async def test_both_ways_give_the_same_response(
    client: Any, behind: Any, token: Token, body: Any
) -> None:
    for who in (token(), token(GLOBEX), None, "wrong"):
        for accept in ("application/json", "application/graphql-response+json, */*", "*/*"):
            answers = [
                await each.post("/graphql", who, json=body, headers={"Accept": accept})
                for each in (client, behind)
            ]
            straight, usual = map(_seen, answers)
            assert straight == usual


def _seen(answer: Any) -> Any:
    headers = {k: v for k, v in answer.headers.items() if k not in ("date", "content-length")}
    body = json.loads(answer.text)
    for error in body.get("errors", ()):
        error.get("extensions", {}).pop("id", None)
    return answer.status_code, headers, body


async def test_a_fault_is_masked_in_both(client: Any, behind: Any, token: Token) -> None:
    for each in (client, behind):
        answer = await each.graphql("{ huge broken }", token())
        assert answer.status_code == 200
        assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert "secret" not in answer.text


async def test_resolvers_have_their_request_and_response(
    client: Any, behind: Any, token: Token
) -> None:
    for each in (client, behind):
        NOTES.clear()
        answer = await each.graphql("query Mine { decorated }", token(), operationName="Mine")
        assert answer.json() == {"data": {"decorated": "Mine"}}
        assert answer.status_code == 202
        assert answer.headers["x-own"] == "yes"
        assert answer.headers.get_list("set-cookie") == ["visited=today; Path=/; SameSite=lax"]
        assert [str(ACME)] == NOTES


async def test_code_of_the_applications_never_sees_text(
    tenancy: Tenancy, serve: Any, token: Token
) -> None:
    async with serve(app_of(tenancy, extensions=[Unsafe])) as client:
        NOTES.clear()
        data = await client.data("{ nested posts(limit: 1) { title } }", token())
        assert data["posts"] == [{"title": data["nested"]}]
        assert json.loads(NOTES[-1]) == data


async def test_a_batch_is_strawberrys(tenancy: Tenancy, serve: Any, token: Token) -> None:
    config = StrawberryConfig(batching_config={"max_operations": 3})
    async with serve(app_of(tenancy, config=config)) as client:
        operations = ["{ posts(limit: 1) { title } }", "{ nested straight }", "{ huge"]
        body = [{"query": text} for text in operations]
        one, two, three = (await client.post("/graphql", token(), json=body)).json()
        assert two["data"] == {"nested": one["data"]["posts"][0]["title"], "straight": False}
        assert "data" not in three


async def test_subclasses_of_the_router_see_everything(
    tenancy: Tenancy, serve: Any, token: Token
) -> None:
    class Counting(fraiseql.GraphQLRouter):
        def create_response(self, response_data: Any, sub_response: Response) -> Response:
            NOTES.append(len(response_data["data"]["posts"]))
            return super().create_response(response_data, sub_response)

    class Shouting(fraiseql.GraphQLRouter):
        def encode_json(self, data: Any) -> str:
            return json.dumps(data).upper()

    app = FastAPI()
    tenancy.install(app)
    schema = fraiseql.build_schema(FIELDS)
    app.include_router(Counting(schema, tenancy=tenancy), prefix="/counting")
    app.include_router(Shouting(schema, tenancy=tenancy), prefix="/shouting")
    async with serve(app) as client:
        NOTES.clear()
        for _ in range(2):
            text = "{ straight posts(limit: 2) { title } }"
            assert not (await client.data(text, token(), path="/counting"))["straight"]
            answer = await client.graphql(text, token(), path="/shouting")
            assert '"STRAIGHT": FALSE' in answer.text
        assert NOTES == [2, 2]


async def test_an_applications_handlers_of_errors(
    tenancy: Tenancy, serve: Any, token: Token
) -> None:
    app = app_of(tenancy)

    @app.exception_handler(500)
    async def last_resort(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"mine": True}, 500)

    async with serve(app) as client:
        for _ in range(3):
            assert await client.data("{ straight }", token()) == {"straight": True}


# --- At the same time -------------------------------------------------------------------------------


async def naming_context(request: Request, response: Response) -> dict[str, Any]:
    """The application's context getter, which sets a header: as a cookie of a session would be."""
    response.headers["X-Asked"] = request.headers["x-asking"]
    return {}


async def test_headers_of_requests_at_the_same_time_are_not_mixed(
    tenancy: Tenancy, serve: Any, token: Token
) -> None:
    app = FastAPI()
    tenancy.install(app)
    schema = fraiseql.build_schema(FIELDS)
    router = fraiseql.GraphQLRouter(schema, tenancy=tenancy, context_getter=naming_context)
    app.include_router(router, prefix="/graphql")
    async with serve(app) as client:

        async def ask(number: int) -> tuple[str, Any]:
            asking = f"request {number}"
            answer = await client.graphql(
                f"{{ posts(limit: {number % 7}) {{ title }} }}",
                token((ACME, GLOBEX)[number % 2]),
                headers={"X-Asking": asking},
            )
            assert answer.status_code == 200, answer.text
            return asking, answer.headers.get_list("x-asked")

        for asked, answered in await asyncio.gather(*map(ask, range(40))):
            assert answered == [asked]

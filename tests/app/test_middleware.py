"""Middlewares around every GraphQL operation, in both lanes and under Strawberry's own router."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import FrozenInstanceError
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import strawberry
from fastapi import FastAPI
from sqlalchemy import text
from strawberry.fastapi import GraphQLRouter as StrawberryRouter

import fraiseql_strawberry as fraiseql
from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry import Tenancy, TenantSession

Token = Callable[..., str]


@fraiseql.type(sql_source="v_post")
class Post:
    id: UUID
    title: str


@fraiseql.query(sql_source="v_post", order_by="title")
def posts(limit: int = 100) -> list[Post]: ...


@fraiseql.query(tenant=False)
def note(info) -> str | None:
    return info.context.get("note")


@fraiseql.mutation
async def count(session: TenantSession) -> int | None:
    return await session.scalar(text("SELECT count(*) FROM v_post"))


FIELDS = [posts, note, count]
TITLES = "{ posts { title } }"


def own_titles(tenant: UUID) -> list[str]:
    return sorted(post.title for post in blog_of(tenant).posts)


def titles(answer: Any) -> list[str]:
    return sorted(post["title"] for post in answer.json()["data"]["posts"])


def error_of(answer: Any) -> Any:
    assert set(answer.json()) - {"data"} == {"errors"}
    assert not answer.json().get("data")
    [error] = answer.json()["errors"]
    return error


@pytest.fixture(scope="module", params=["fast lane", "standard lane", "Strawberry's router"])
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def tenancy() -> None:
    """Each test makes its own."""


Serving = Callable[..., Any]


@pytest.fixture
def serving(way: str, blog: Urls, make_tenancy: Any, serve: Any) -> Serving:
    """`async with serving(first, second) as client`: an app whose operations go through them."""

    @asynccontextmanager
    async def serving(*chain: Any) -> AsyncIterator[Any]:
        marked = [fraiseql.middleware(function) for function in chain]
        ours = way != "Strawberry's router"
        tenancy: Tenancy = make_tenancy(
            blog,
            graphql={"fast_lane": way != "standard lane"},
            options={} if ours else {"middleware": marked},
        )
        app = FastAPI()
        tenancy.install(app)
        if ours:
            schema = fraiseql.build_schema(FIELDS, middleware=marked)
            router: Any = fraiseql.GraphQLRouter(schema, tenancy=tenancy)
        else:
            query = strawberry.tools.create_type("Query", [posts, note])
            mutation = strawberry.tools.create_type("Mutation", [count])
            schema = strawberry.Schema(query, mutation, extensions=[tenancy.extension])
            router = StrawberryRouter(schema, context_getter=tenancy.context())
        app.include_router(router, prefix="/graphql")
        async with serve(app) as client:
            yield client

    return serving


# --- The usual three ------------------------------------------------------------------------------


def take_tenant_from_claims(request, next):
    """Sync, and it returns what `next` gives without waiting for it."""
    tenant = request.auth.claims.get("tenant_id")
    if tenant is None:
        raise PermissionError("Missing tenant context")
    request.context["tenant_id"] = tenant
    return next(request)


class TenantDesk:
    """Looks tenants up in the application's own table."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def check(self, request, next):
        """Async, and it returns what `next` gives without waiting for it."""
        wanted = request.auth.claims.get("tenant_id")
        connection = await asyncpg.connect(self._url)
        row = await connection.fetchrow(
            "SELECT status FROM fraiseql.tenants WHERE id::text = $1", wanted
        )
        await connection.close()
        if row is None or row["status"] != "active":
            raise PermissionError(f"No such tenant, or it is suspended: {wanted}")
        request.context["tenant_id"] = wanted
        return next(request)


class AuditLog:
    """Writes down who did what."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    async def record(self, request, next):
        """Async, and it waits for the outcome."""
        outcome = await next(request)
        self.lines.append(
            (
                request.context.get("tenant_id"),
                request.auth.claims.get("sub"),
                request.operation_name,
                len(outcome.errors),
            )
        )
        return outcome


async def test_the_usual_three(serving: Serving, token: Token, blog: Urls, watch: Any) -> None:
    audit, unknown = AuditLog(), str(uuid4())
    chain = [take_tenant_from_claims, TenantDesk(blog.admin_url).check, audit.record]
    async with serving(*chain) as client:
        for tenant in (ACME, GLOBEX):
            answer = await client.graphql(f"query Titles {TITLES}", token(tenant))
            assert titles(answer) == own_titles(tenant)
        async with watch.nothing_sent():
            answer = await client.graphql(TITLES, token(None))
            assert answer.status_code == 401
            assert error_of(answer) == {
                "message": "Missing tenant context",
                "extensions": {"code": "UNAUTHORIZED"},
            }
            answer = await client.graphql(TITLES, token(None, user=None, tenants=[unknown]))
            assert answer.status_code == 401
    assert audit.lines == [
        (str(tenant), str(blog_of(tenant).users[0].id), "Titles", 0) for tenant in (ACME, GLOBEX)
    ]


async def test_a_tenant_that_is_not_in_the_table(
    serving: Serving, token: Token, blog: Urls, watch: Any
) -> None:
    async with serving(TenantDesk(blog.admin_url).check) as client:
        await watch.set_status(GLOBEX, "suspended")
        try:
            async with watch.nothing_sent():
                answer = await client.graphql(TITLES, token(GLOBEX))
        finally:
            await watch.set_status(GLOBEX, "active")
        assert answer.status_code == 401
        assert error_of(answer)["extensions"] == {"code": "UNAUTHORIZED"}
        assert str(GLOBEX) in error_of(answer)["message"]
        assert titles(await client.graphql(TITLES, token(GLOBEX))) == own_titles(GLOBEX)


# --- The chain --------------------------------------------------------------------------------------


async def test_the_order_and_once_per_operation(serving: Serving, token: Token) -> None:
    steps: list[str] = []

    def outer(request, next):
        steps.append("outer")
        return next(request)

    async def middle(request, next):
        steps.append("middle in")
        outcome = await next(request)
        steps.append("middle out")
        return outcome

    async def inner(request, next):
        steps.append("inner")
        return next(request)

    whole = ["outer", "middle in", "inner", "middle out"]
    async with serving(outer, middle, inner) as client:
        for query in (TITLES, "{ note }", "mutation { count }", "{ a: posts { id } b: note }"):
            await client.data(query, token())
            assert steps == whole
            steps.clear()
        await client.graphql("{ posts(limit: -1) { id } }", token())
        assert steps == whole


async def test_the_request(serving: Serving, token: Token) -> None:
    seen: list[Any] = []

    def look(request, next):
        seen.append(request)
        with pytest.raises(FrozenInstanceError):
            request.operation_name = "other"
        with pytest.raises(TypeError):
            request.auth.claims["tenant_id"] = "other"
        return next(request)

    async with serving(look) as client:
        headers = {"X-Test": "yes"}
        await client.data(f"query Named {TITLES}", token(user="u-1"), headers=headers)
        await client.data("mutation { count }", token())
    first, second = seen
    assert (first.operation_name, first.operation_type) == ("Named", "query")
    assert (second.operation_name, second.operation_type) == (None, "mutation")
    assert first.headers["x-test"] == first.headers["X-Test"] == "yes"
    assert first.auth.claims["sub"] == first.context["user_id"] == "u-1"
    assert first.context["tenant_id"] == str(ACME)


async def test_the_outcome_is_read_only(serving: Serving, token: Token) -> None:
    outcomes: list[Any] = []

    async def look(request, next):
        outcome = await next(request)
        outcomes.append(outcome)
        with pytest.raises(FrozenInstanceError):
            outcome.status = 500
        # whatever it returns, the operation's own answer goes out

    async with serving(look) as client:
        assert titles(await client.graphql(TITLES, token())) == own_titles(ACME)
        answer = await client.graphql("{ posts(limit: -1) { id } }", token())
        assert answer.json()["errors"]
    good, bad = outcomes
    assert (good.status, good.errors) == (200, ())
    assert [error["extensions"]["code"] for error in bad.errors] == ["BAD_USER_INPUT"]


async def test_what_it_puts_into_the_context(serving: Serving, token: Token) -> None:
    def write(request, next):
        request.context["note"] = "from the middleware"
        return next(request)

    async with serving(write) as client:
        assert await client.data("{ note }") == {"note": "from the middleware"}


# --- The tenant ---------------------------------------------------------------------------------------


def set_tenant(value: object) -> Any:
    def change(request, next):
        request.context["tenant_id"] = value
        return next(request)

    return change


async def test_a_tenant_where_none_was_resolved(serving: Serving, token: Token) -> None:
    async with serving(set_tenant(str(GLOBEX).upper())) as client:
        assert titles(await client.graphql(TITLES, token(None))) == own_titles(GLOBEX)
        assert await client.data("mutation { count }") == {"count": len(own_titles(GLOBEX))}
        # Repeating what the token says is fine as well.
        assert titles(await client.graphql(TITLES, token(GLOBEX))) == own_titles(GLOBEX)


async def test_the_tenant_of_a_token_is_never_changed(
    serving: Serving, token: Token, watch: Any
) -> None:
    async with serving(set_tenant(str(GLOBEX))) as client, watch.nothing_sent():
        for query in (TITLES, "mutation { count }"):
            answer = await client.graphql(query, token(ACME))
            assert error_of(answer)["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
            assert "GLOBEX" not in answer.text


async def test_a_tenant_that_is_none(serving: Serving, watch: Any) -> None:
    def choose(request, next):
        request.context["tenant_id"] = json.loads(request.headers["x-value"])
        return next(request)

    async with serving(choose) as client, watch.nothing_sent():
        for value in ("", "acme", str(UUID(int=0)), None, 7, [str(ACME)]):
            answer = await client.graphql(TITLES, headers={"X-Value": json.dumps(value)})
            assert answer.status_code == 401
            assert error_of(answer)["extensions"] == {"code": "UNAUTHORIZED"}


async def test_what_comes_from_the_token_is_not_overwritten(
    serving: Serving, token: Token, watch: Any
) -> None:
    def write(request, next):
        request.context[request.operation_name] = "mine"
        return next(request)

    async with serving(write) as client, watch.nothing_sent():
        for key in ("user_id", "claims", "admin_db", "_scope"):
            answer = await client.graphql(f"query {key} {TITLES}", token())
            assert error_of(answer)["extensions"]["code"] == "INTERNAL_SERVER_ERROR"


# --- Wrong middlewares --------------------------------------------------------------------------------


def never(request, next):
    return "done"


async def never_async(request, next):
    return None


def raises(request, next):
    raise RuntimeError("postgresql://u:s3cr3t@h/db SELECT 1")


async def raises_async(request, next):
    raise RuntimeError("postgresql://u:s3cr3t@h/db SELECT 1")


async def test_a_wrong_middleware_is_a_masked_error(
    serving: Serving, token: Token, watch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = {each.__name__: each for each in (never, never_async, raises, raises_async)}

    def choose(request, next):
        return wrong.get(request.operation_name, take_tenant_from_claims)(request, next)

    async with serving(choose) as client:
        for name in wrong:
            async with watch.nothing_sent():
                answer = await client.graphql(f"query {name} {TITLES}", token())
            error = error_of(answer)
            assert error["message"] == "Internal server error"
            assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
            assert error["extensions"]["id"] in caplog.text
            assert "s3cr3t" not in answer.text
        assert titles(await client.graphql(TITLES, token())) == own_titles(ACME)


async def test_next_twice_is_refused(serving: Serving, token: Token) -> None:
    async def twice(request, next):
        await next(request)
        if request.operation_name:
            await next(request)

    async with serving(twice) as client:
        answer = await client.graphql(f"query Twice {TITLES}", token())
        assert error_of(answer)["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert titles(await client.graphql(TITLES, token())) == own_titles(ACME)


async def test_a_refusal_after_the_operation_withholds_the_answer(
    serving: Serving, token: Token
) -> None:
    async def late(request, next):
        await next(request)
        if request.operation_name:
            raise PermissionError("Too late for you")

    async with serving(late) as client:
        for query in (f"query Late {TITLES}", "mutation Late { count }"):
            answer = await client.graphql(query, token())
            assert answer.status_code == 401
            assert error_of(answer)["message"] == "Too late for you"


async def test_a_client_that_goes_away_leaves_no_middleware_behind(
    serving: Serving, token: Token
) -> None:
    ended: list[str] = []

    async def slow(request, next):
        try:
            if request.operation_name:
                await asyncio.sleep(0.2)
            return await next(request)
        finally:
            ended.append(request.operation_name)

    async with serving(slow) as client:
        task = asyncio.create_task(client.graphql(f"query Slow {TITLES}", token()))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.5)
        assert ended.count("Slow") == 1
        assert titles(await client.graphql(TITLES, token())) == own_titles(ACME)

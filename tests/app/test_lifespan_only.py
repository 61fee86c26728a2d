"""`FastAPI(lifespan=tenancy.lifespan)` and nothing else: routes, refusals, and apps mounted below."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Router

import fraiseql_strawberry as fraiseql
from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry import CurrentTenant, SyncTenantSession, Tenancy, TenantSession
from fraiseql_strawberry.auth import mint_token
from fraiseql_strawberry.errors import TenantUnavailable, Unauthorized

Token = Callable[..., str]
SECRET = "a-secret-for-tests-that-is-long-enough-for-anyone"
STRANGER = mint_token(SECRET, tenant="99999999-9999-4999-8999-999999999999", user="nobody")
TITLES = text("SELECT title FROM v_post ORDER BY title")


async def titles(session: TenantSession) -> list[str]:
    return list((await session.scalars(TITLES)).all())


def titles_sync(session: SyncTenantSession) -> list[str]:
    return list(session.scalars(TITLES).all())


async def tenant(tenant_id: CurrentTenant) -> str:
    return tenant_id


@fraiseql.requires_scope("read:reports")
async def scoped(session: TenantSession) -> list[str]:
    return await titles(session)


async def nested(session: TenantSession, request: Request) -> None:
    await session.execute(text("SELECT 1"))
    async with request.app.state.tenancy.session() as another:
        await another.execute(text("SELECT 1"))


PATHS = {
    "/titles": titles,
    "/titles-sync": titles_sync,
    "/tenant": tenant,
    "/scoped": scoped,
    "/nested": nested,
}


def with_routes(app: FastAPI) -> FastAPI:
    for path, endpoint in PATHS.items():
        app.add_api_route(path, endpoint, response_model=None)
    return app


async def own_answer(request: Request, error: Exception) -> Response:
    return PlainTextResponse("go away", status_code=418)


@pytest.fixture(scope="module")
def tenancy(blog: Urls, make_tenancy: Callable[..., Tenancy]) -> Tenancy:
    return make_tenancy(blog, multitenancy={"tenants_table": "fraiseql.tenants"})


@pytest.fixture(scope="module")
async def client(tenancy: Tenancy, serve: Any) -> AsyncIterator[Any]:
    app = with_routes(FastAPI(lifespan=tenancy.lifespan))
    inner, deeper, own, installed = (with_routes(FastAPI()) for _ in range(4))
    app.state.tenancy = inner.state.tenancy = deeper.state.tenancy = tenancy
    own.add_exception_handler(Unauthorized, own_answer)
    tenancy.install(installed)
    inner.mount("/deeper", deeper)
    app.mount("/inner", inner)
    app.mount("/router", Router(routes=[Mount("/own", app=own)]))
    app.mount("/installed", installed)
    async with serve(app) as client:
        yield client


APPS = pytest.mark.parametrize("app", ["", "/inner", "/inner/deeper", "/installed"])


@APPS
@pytest.mark.parametrize("path", ["/titles", "/titles-sync"])
async def test_routes_read_their_tenants_rows(
    client: Any, token: Token, app: str, path: str
) -> None:
    for who in (ACME, GLOBEX):
        answer = await client.get(app + path, token(who))
        assert sorted(answer.json()) == sorted(post.title for post in blog_of(who).posts)


@APPS
@pytest.mark.parametrize("path", PATHS)
async def test_a_refusal_has_its_code_and_status(
    client: Any, token: Token, app: str, path: str
) -> None:
    answer = await client.get(app + path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json() == Unauthorized().body()
    answer = await client.get(app + path, STRANGER)
    assert answer.status_code == 403
    assert answer.json() == TenantUnavailable().body()


@APPS
async def test_a_refusal_of_the_routes_own_is_answered_too(
    client: Any, token: Token, app: str
) -> None:
    answer = await client.get(f"{app}/scoped", token(scopes=[]))
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"] == {"code": "FORBIDDEN"}


@pytest.mark.parametrize("app", ["", "/inner", "/inner/deeper"])
async def test_an_error_of_the_applications_making_is_masked(
    client: Any, token: Token, app: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await client.get(f"{app}/nested", token())
    assert answer.status_code == 500
    [error] = answer.json()["errors"]
    assert error["message"] == "Internal server error"
    assert error["extensions"]["id"] in caplog.text


async def test_an_applications_own_answer_stays(client: Any, token: Token) -> None:
    answer = await client.get("/router/own/titles")
    assert (answer.status_code, answer.text) == (418, "go away")
    answer = await client.get("/router/own/titles", STRANGER)
    assert answer.json() == TenantUnavailable().body()


async def test_an_app_of_another_tenancy_keeps_it(
    blog: Urls, tenancy: Tenancy, make_tenancy: Callable[..., Tenancy], serve: Any, token: Token
) -> None:
    app, other = FastAPI(lifespan=tenancy.lifespan), make_tenancy(blog)
    mounted = with_routes(FastAPI())
    other.install(mounted)
    app.mount("/other", mounted)
    async with other, serve(app) as client:
        # The other one has no table of tenants, so it serves whoever was verified.
        assert (await client.get("/other/titles", STRANGER)).json() == []

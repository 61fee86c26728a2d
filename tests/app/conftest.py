"""Applications on a real socket, and clients who speak HTTP to them.

The server runs on the loop of the tests, so that a test can look at its pool and its log; the
bytes go over TCP. `blog` and `make_tenancy` are in `tests/conftest.py`.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI, Query
from sqlalchemy import text

import fraiseql_strawberry as fraiseql
from example_app import schema as blog_schema
from example_app.data import ACME, blog_of
from example_app.database import Urls
from fraiseql_strawberry import Tenancy, TenantSession
from fraiseql_strawberry.auth import mint_token
from tests.witness import Witness

SECRET = "a-secret-for-tests-that-is-long-enough-for-anyone"

MakeTenancy = Callable[..., Tenancy]


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # Ctrl-C is pytest's


class Client:
    """Speaks HTTP to one application; each answer comes with its status and its JSON.

    Args:
        http: Where the requests go.
    """

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http
        self.url = str(http.base_url).rstrip("/")

    async def get(self, path: str, token: str | None = None, **more: Any) -> httpx2.Response:
        return await self.http.get(path, headers=_headers(token, more), **more)

    async def post(self, path: str, token: str | None = None, **more: Any) -> httpx2.Response:
        return await self.http.post(path, headers=_headers(token, more), **more)

    async def graphql(
        self, query: str, token: str | None = None, *, path: str = "/graphql", **more: Any
    ) -> httpx2.Response:
        """POST an operation; `variables` and `operationName` go into the body."""
        body = {"query": query}
        for name in ("variables", "operationName"):
            if name in more:
                body[name] = more.pop(name)
        return await self.post(path, token, json=body, **more)

    async def data(self, query: str, token: str | None = None, **more: Any) -> Any:
        """The `data` of an operation that must succeed."""
        answer = await self.graphql(query, token, **more)
        assert answer.status_code == 200, answer.text
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]


def _headers(token: str | None, more: dict[str, Any]) -> Any:
    given = list((more.pop("headers", None) or {}).items()) + list(more.pop("raw_headers", ()))
    return given if token is None else [("Authorization", f"Bearer {token}"), *given]


Serve = Callable[[Any], AbstractAsyncContextManager[Client]]


@pytest.fixture(scope="session")
def serve() -> Serve:
    """`async with serve(app) as client`: the app behind uvicorn, on a port of its own."""

    @asynccontextmanager
    async def serve(app: Any) -> AsyncIterator[Client]:
        config = uvicorn.Config(app, port=0, log_level="warning", lifespan="on")
        server = _Server(config)
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.005)
            if running.done():
                await running
                raise RuntimeError("the application did not start: see the log")
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
                yield Client(http)
        finally:
            server.should_exit = True
            await running

    return serve


# --- The blog ---------------------------------------------------------------------------------------


def _blog_app(tenancy: Tenancy) -> FastAPI:
    """The example's application, on a tenancy of the test's choice."""
    app = FastAPI()
    tenancy.install(app)
    schema = fraiseql.build_schema(blog_schema)
    app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")

    @app.get("/posts")
    async def list_posts(
        session: TenantSession, limit: Annotated[int, Query(ge=1, le=100)] = 20
    ) -> Sequence[dict[str, Any]]:
        rows = await session.execute(
            text("SELECT id, title FROM v_post ORDER BY created_at DESC, id LIMIT :limit"),
            {"limit": limit},
        )
        return [dict(row) for row in rows.mappings()]

    return app


@pytest.fixture(scope="session")
def blog_app() -> Callable[[Tenancy], FastAPI]:
    return _blog_app


@pytest.fixture(scope="module", params=[True, False], ids=["fast lane", "standard lane"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    """Each test that serves the blog runs in both lanes."""
    return request.param


@pytest.fixture(scope="module")
async def tenancy(blog: Urls, make_tenancy: MakeTenancy, fast_lane: bool) -> Tenancy:
    """The blog's tenancy; the application starts it."""
    return make_tenancy(
        blog,
        multitenancy={"tenants_table": "fraiseql.tenants"},
        graphql={"fast_lane": fast_lane},
    )


@pytest.fixture(scope="module")
async def client(tenancy: Tenancy, serve: Serve) -> AsyncIterator[Client]:
    """The blog, served."""
    async with serve(_blog_app(tenancy)) as client:
        yield client


@pytest.fixture(scope="session")
def token() -> Callable[..., str]:
    """`token(ACME)`: a token of the first user of a tenant, with further claims if wanted."""

    def mint(tenant: UUID | None = ACME, **claims: Any) -> str:
        claims.setdefault("user", str(blog_of(tenant or ACME).users[0].id))
        claims.setdefault("scopes", ["write:posts"])
        return mint_token(SECRET, tenant=str(tenant) if tenant else None, **claims)

    return mint


# --- The demo ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A folder that PostgreSQL's own user can enter, which pytest's tmp_path is not for root."""
    folder = Path(tempfile.mkdtemp(prefix="demo-"))
    folder.chmod(0o711)
    yield folder / "data"
    shutil.rmtree(folder)


# --- What reached PostgreSQL --------------------------------------------------------------------


class Watch(Witness):
    """What the application's connections have done, as PostgreSQL itself says."""

    @asynccontextmanager
    async def lock(self, tenant: UUID = ACME) -> AsyncIterator[None]:
        """Holds the lock that `WAIT` waits for: as long as it lasts, a statement takes."""
        connection = await self.of(tenant)
        await connection.execute("SELECT pg_advisory_lock(1)")
        try:
            yield
        finally:
            await connection.execute("SELECT pg_advisory_unlock(1)")

    async def waiting(self, tenant: UUID = ACME) -> None:
        """Returns when a statement waits for the lock."""
        connection = await self.of(tenant)
        while not await connection.fetchval(
            "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database "
            "WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
        ):
            await asyncio.sleep(0.005)


@pytest.fixture(scope="module")
async def watch(blog: Urls) -> AsyncIterator[Watch]:
    watch = Watch(blog)
    yield watch
    await watch.close()

"""The blog, served, and what reached PostgreSQL; `serve` and `token` are in `tests/conftest.py`."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import FastAPI, Query
from sqlalchemy import text

import fraiseql_strawberry as fraiseql
from example_app import schema as blog_schema
from example_app.data import ACME
from example_app.database import Urls
from fraiseql_strawberry import Tenancy, TenantSession
from tests.service import Client, serving
from tests.witness import Witness

MakeTenancy = Callable[..., Tenancy]


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
async def client(blog: Urls, tenancy: Tenancy) -> AsyncIterator[Client]:
    """The blog, served; what a start leaves to be done in the background is done."""
    witness = Witness(blog)
    async with serving(_blog_app(tenancy)) as client:
        await witness.registry_listens()
        yield client
    await witness.close()


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

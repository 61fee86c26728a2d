"""An existing FastAPI service with `tenancy.install(app)`: sessions in routes of every kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import text

import fraiseql_strawberry as fraiseql
from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry import CurrentTenant, SyncTenantSession, Tenancy, TenantSession
from fraiseql_strawberry.scope import current_scope

pytestmark = pytest.mark.strategies()

Token = Callable[..., str]
BOTH = pytest.mark.parametrize("tenant", [ACME, GLOBEX], ids=["acme", "globex"])
EITHER = pytest.mark.parametrize("kind", ["", "-sync"], ids=["async", "sync"])

TITLES = text("SELECT title FROM v_post ORDER BY title")
INSERT = text(
    "INSERT INTO tb_post (user_id, title, content) "
    "SELECT id, :title, 'x' FROM tb_user ORDER BY id LIMIT 1 RETURNING id"
)
LEAK = "postgresql://u:secret@h/db SELECT 1"

api = APIRouter()


@api.get("/titles")
async def titles(session: TenantSession) -> list[str]:
    return list((await session.scalars(TITLES)).all())


@api.get("/titles-sync")
def titles_sync(session: SyncTenantSession) -> list[str]:
    return list(session.scalars(TITLES).all())


@api.get("/nap-sync")
def nap_sync(session: SyncTenantSession) -> None:
    session.execute(text("SELECT pg_advisory_xact_lock(1)"))


@api.post("/posts", status_code=201)
async def create(session: TenantSession, title: str) -> UUID | None:
    return await session.scalar(INSERT, {"title": title})


@api.post("/posts-sync", status_code=201)
def create_sync(session: SyncTenantSession, title: str) -> UUID | None:
    with session.begin_nested():
        return session.scalar(INSERT, {"title": title})


@api.post("/posts-then-fail")
async def create_then_fail(session: TenantSession, title: str) -> None:
    await session.execute(INSERT, {"title": title})
    raise LookupError(LEAK)


@api.get("/tenant")
def tenant(tenant_id: CurrentTenant, request: Request) -> list[str | None]:
    # A worker thread: the scope is found there too.
    return [tenant_id, current_scope().tenant_id, request.headers.get("x-test")]


@api.get("/scoped")
@fraiseql.requires_scope("read:reports")
async def scoped(session: TenantSession) -> int | None:
    return await session.scalar(text("SELECT count(*) FROM v_post"))


@api.get("/scoped-sync")
@fraiseql.requires_scope("read:reports", "read:more")
def scoped_sync(session: SyncTenantSession) -> int | None:
    return session.scalar(text("SELECT count(*) FROM v_post"))


@api.get("/nested")
async def nested(session: TenantSession, request: Request) -> None:
    await session.execute(text("SELECT 1"))
    async with request.app.state.tenancy.session() as another:
        await another.execute(text("SELECT 1"))


async def count_posts(session: TenantSession) -> int | None:
    return await session.scalar(text("SELECT count(*) FROM v_post"))


@api.get("/dependency")
async def dependency(
    count: Annotated[int, Depends(count_posts)], session: TenantSession
) -> list[int | None]:
    # The same session as the dependency's: nothing is nested.
    return [count, await session.scalar(text("SELECT count(*) FROM v_post"))]


@api.get("/stream")
async def stream(request: Request, tenant_id: CurrentTenant) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        async with request.app.state.tenancy.session() as session:
            for title in (await session.scalars(TITLES)).all():
                yield f"{title}\n"

    return StreamingResponse(lines(), media_type="text/plain")


@api.post("/background")
async def background(
    request: Request, tasks: BackgroundTasks, tenant_id: CurrentTenant, title: str
) -> None:
    async def later() -> None:
        async with request.app.state.tenancy.session() as session:
            await session.execute(INSERT, {"title": title})

    tasks.add_task(later)


@api.get("/wrong-kind")
async def wrong_kind(session: SyncTenantSession) -> None:
    session.execute(text("SELECT 1"))  # would block the loop that it waits for


@api.get("/forever")
async def forever(session: TenantSession) -> None:
    await session.execute(text("SELECT pg_sleep(30)"))


@api.get("/bad-parameter")
async def bad_parameter(session: TenantSession) -> None:
    await session.execute(text("SELECT CAST(:n AS int)"), {"n": "x"})


@api.get("/public")
async def public() -> str:
    return "for everybody"


# --- The service --------------------------------------------------------------------------------


started: list[str] = []


@asynccontextmanager
async def own_lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
    """The service's own; it may use the tenancy already."""
    async with app.state.tenancy.as_tenant(str(ACME)), app.state.tenancy.session() as session:
        count = await session.scalar(text("SELECT count(*) FROM v_post"))
    started.append(f"{count} posts")
    yield {"note": "from the lifespan"}
    started.append("stopped")


@pytest.fixture(scope="module")
def fast_lane() -> bool:
    """There is no GraphQL here."""
    return True


@pytest.fixture(scope="module")
async def client(tenancy: Tenancy, serve: Any) -> AsyncIterator[Any]:
    app = FastAPI(lifespan=own_lifespan)
    app.state.tenancy = tenancy
    tenancy.install(app)
    app.include_router(api)
    started.clear()
    async with serve(app) as client:
        yield client
    assert started[-1] == "stopped"


def own_titles(tenant: UUID) -> list[str]:
    return sorted(post.title for post in blog_of(tenant).posts)


async def test_the_services_own_lifespan_runs_inside(client: Any) -> None:
    assert started == [f"{len(blog_of(ACME).posts)} posts"]


@BOTH
@EITHER
async def test_a_route_reads_its_tenants_rows(
    client: Any, token: Token, tenant: UUID, kind: str
) -> None:
    answer = await client.get(f"/titles{kind}", token(tenant))
    assert sorted(answer.json()) == own_titles(tenant)


@EITHER
async def test_two_tenants_at_once(client: Any, token: Token, kind: str) -> None:
    async def ask(tenant: UUID) -> None:
        answer = await client.get(f"/titles{kind}", token(tenant))
        assert sorted(answer.json()) == own_titles(tenant)

    await asyncio.gather(*(ask(tenant) for tenant in [ACME, GLOBEX] * 30))


@pytest.mark.parametrize("path", ["/titles", "/titles-sync", "/tenant", "/stream", "/dependency"])
async def test_without_a_tenant_nothing_reaches_the_database(
    client: Any, path: str, watch: Any
) -> None:
    async with watch.nothing_sent():
        answer = await client.get(path)
    assert answer.status_code == 401
    assert answer.json() == {
        "errors": [{"message": "Missing tenant context", "extensions": {"code": "UNAUTHORIZED"}}]
    }
    assert (await client.get("/public")).json() == "for everybody"


async def test_the_scope_is_found_in_a_worker_thread(client: Any, token: Token) -> None:
    assert (await client.get("/tenant", token(GLOBEX))).json() == [str(GLOBEX), str(GLOBEX), None]


# --- Commit before the response -------------------------------------------------------------------


@BOTH
@EITHER
async def test_an_acknowledged_row_is_seen_at_once_from_elsewhere(
    client: Any, token: Token, tenant: UUID, kind: str, watch: Any
) -> None:
    for _ in range(10):
        title = f"at once {uuid4()}"
        answer = await client.post(f"/posts{kind}", token(tenant), params={"title": title})
        assert answer.status_code == 201
        [row] = await watch.fetch(tenant, "SELECT id FROM tb_post WHERE title = $1", title)
        assert str(row["id"]) == answer.json()
        assert await watch.owners("SELECT FROM tb_post WHERE title = $1", title) == [tenant]
    await watch.fetch(tenant, "DELETE FROM tb_post WHERE title LIKE 'at once%'")


@pytest.fixture
async def failing_commits(watch: Any) -> AsyncIterator[None]:
    await watch.everywhere("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the secret reason'; END $$;
        CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON tb_post
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
    """)
    yield
    await watch.everywhere("DROP TRIGGER refuse ON tb_post; DROP FUNCTION refuse()")


@pytest.mark.usefixtures("failing_commits")
@EITHER
async def test_a_failing_commit_is_an_error_the_client_sees(
    client: Any, token: Token, kind: str, watch: Any
) -> None:
    answer = await client.post(f"/posts{kind}", token(), params={"title": "never"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert await watch.owners("SELECT FROM tb_post WHERE title = 'never'") == []
    assert (await client.get("/titles", token())).status_code == 200


async def test_an_exception_rolls_back_and_shows_nothing(
    client: Any, token: Token, watch: Any
) -> None:
    answer = await client.post("/posts-then-fail", token(), params={"title": "never"})
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert await watch.owners("SELECT FROM tb_post WHERE title = 'never'") == []


# --- Scopes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "scopes", "status"),
    [
        ("/scoped", ["read:reports"], 200),
        ("/scoped", ["read:reports", "more"], 200),
        ("/scoped", ["read"], 403),
        ("/scoped", [], 403),
        ("/scoped-sync", ["read:reports", "read:more"], 200),
        ("/scoped-sync", ["read:reports"], 403),
    ],
)
async def test_scopes_on_routes(
    client: Any, token: Token, path: str, scopes: list[str], status: int
) -> None:
    answer = await client.get(path, token(scopes=scopes))
    assert answer.status_code == status
    if status == 403:
        [error] = answer.json()["errors"]
        assert error["extensions"] == {"code": "FORBIDDEN"}


# --- Around the session -----------------------------------------------------------------------------


async def test_a_dependency_shares_the_routes_session(client: Any, token: Token) -> None:
    count = len(blog_of(ACME).posts)
    assert (await client.get("/dependency", token())).json() == [count, count]


@BOTH
async def test_a_streaming_body_finds_its_tenant(client: Any, token: Token, tenant: UUID) -> None:
    answer = await client.get("/stream", token(tenant))
    assert sorted(answer.text.splitlines()) == own_titles(tenant)


@BOTH
async def test_a_background_task_finds_its_tenant(
    client: Any, token: Token, tenant: UUID, watch: Any
) -> None:
    title = f"later {uuid4()}"
    await client.post("/background", token(tenant), params={"title": title})
    async with asyncio.timeout(5):
        while not (owners := await watch.owners("SELECT FROM tb_post WHERE title = $1", title)):
            await asyncio.sleep(0.01)
    assert owners == [tenant]
    await watch.fetch(tenant, "DELETE FROM tb_post WHERE title = $1", title)


async def test_a_nested_session_is_a_masked_error(
    client: Any, token: Token, caplog: pytest.LogCaptureFixture
) -> None:
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*(client.get("/nested", token()) for _ in range(6)))
    for answer in answers:
        assert answer.status_code == 500
        [error] = answer.json()["errors"]
        assert error["message"] == "Internal server error"
        assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert error["extensions"]["id"] in caplog.text
    assert "use that session" in caplog.text
    assert "use that session" not in answers[0].text


async def test_a_sync_route_never_blocks_the_loop(client: Any, token: Token, watch: Any) -> None:
    async with asyncio.timeout(10):
        async with watch.lock():
            napping = asyncio.create_task(client.get("/nap-sync", token()))
            await watch.waiting()
            assert (await client.get("/public")).status_code == 200
            assert sorted((await client.get("/titles", token(GLOBEX))).json()) == own_titles(GLOBEX)
            assert not napping.done()
        assert (await napping).status_code == 200


@pytest.mark.usefixtures("alarm")
async def test_a_sync_session_in_an_async_route_fails_and_does_not_hang(
    client: Any, token: Token
) -> None:
    async with asyncio.timeout(5):
        assert (await client.get("/wrong-kind", token())).status_code == 500
        assert (await client.get("/titles", token())).status_code == 200


async def test_a_value_that_fits_no_parameter_is_not_the_databases_fault(
    client: Any, token: Token
) -> None:
    answer = await client.get("/bad-parameter", token())
    assert answer.status_code == 500


async def test_a_client_that_goes_away_keeps_no_connection(
    blog: Urls, make_tenancy: Any, serve: Any, token: Token
) -> None:
    """The query runs on, until PostgreSQL's own time-out: no longer."""
    tenancy = make_tenancy(blog, database={"pool_size": 1, "statement_timeout": "300ms"})
    app = FastAPI()
    tenancy.install(app)
    app.include_router(api)
    async with serve(app) as client:
        leaving = asyncio.create_task(client.get("/forever", token()))
        async with tenancy.isolation.engine(str(ACME)) as engine:
            while engine.pool.checkedout() < 1:
                await asyncio.sleep(0.01)
        leaving.cancel()
        answer = await client.get("/titles", token())
        assert sorted(answer.json()) == own_titles(ACME)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level("INFO", logger="fraiseql_strawberry"):
        yield

"""When something fails: the status says what to do, the log says what happened, the body says neither."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
import strawberry
from fastapi import FastAPI
from graphql import GraphQLError
from sqlalchemy import text
from strawberry.fastapi import GraphQLRouter as StrawberryRouter

import fraiseql_strawberry as fraiseql
from example_app.data import GLOBEX
from example_app.database import Urls
from fraiseql_strawberry import Tenancy, TenantSession
from fraiseql_strawberry.errors import BadUserInput, TenantBusy

# One server for all tenants; test_database_isolation.py takes one of two servers away.
pytestmark = pytest.mark.strategies("row", "schema")

Token = Callable[..., str]

SECRET = "postgresql://u:s3cr3t@h/db SELECT 1"
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@fraiseql.type(sql_source="v_post")
class Post:
    id: str
    title: str

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError(SECRET)


@fraiseql.query(sql_source="v_post", order_by="title")
def posts(limit: int = 3) -> list[Post]: ...


@fraiseql.query
def boom() -> str | None:
    raise RuntimeError(SECRET)


@fraiseql.query
async def bad_sql(session: TenantSession) -> str | None:
    return await session.scalar(text("SELECT no_such_column FROM tb_post"))


@fraiseql.query
def refused() -> str | None:
    raise PermissionError(SECRET)


@fraiseql.query
def coded() -> str | None:
    raise BadUserInput("The name is taken", hint=SECRET, extensions={"argument": "name"})


@fraiseql.query
def spoken() -> str | None:
    raise GraphQLError("Come back tomorrow", extensions={"code": "CLOSED"})


@fraiseql.query
def caused() -> str | None:
    try:
        raise RuntimeError(SECRET)
    except RuntimeError as error:
        raise ValueError(SECRET) from error


@fraiseql.query
def not_null() -> str:
    return None  # type: ignore[return-value]


@fraiseql.query
async def held(session: TenantSession) -> bool:
    """Keeps its connection for as long as `watch.lock` lasts."""
    await session.execute(text("SELECT pg_advisory_xact_lock(1)"))
    return True


FIELDS = [posts, boom, bad_sql, refused, coded, spoken, caused, not_null, held]


def app_of(tenancy: Tenancy, ours: bool) -> FastAPI:
    app = FastAPI()
    tenancy.install(app)
    if ours:
        schema = fraiseql.build_schema(FIELDS)
        router = fraiseql.GraphQLRouter(schema, tenancy=tenancy)
    else:
        query = strawberry.tools.create_type("Query", FIELDS)
        router = StrawberryRouter(
            strawberry.Schema(query, extensions=[tenancy.extension]),
            context_getter=tenancy.context(),
        )
    app.include_router(router, prefix="/graphql")

    @app.get("/titles")
    async def titles(session: TenantSession) -> list[str]:
        return list((await session.scalars(text("SELECT title FROM v_post"))).all())

    return app


@pytest.fixture(scope="module", params=[True, False], ids=["our router", "Strawberry's router"])
def ours(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture(scope="module")
def fast_lane() -> bool:
    return True


@pytest.fixture(scope="module")
async def client(tenancy: Tenancy, serve: Any, ours: bool) -> AsyncIterator[Any]:
    async with serve(app_of(tenancy, ours)) as client:
        yield client


# --- Masking ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", ["{ boom }", "{ badSql }", "{ caused }", "{ posts { broken } }", "{ notNull }"]
)
async def test_an_unforeseen_error_is_masked_and_logged(
    client: Any, token: Token, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await client.graphql(query, token())
    assert answer.status_code == 200
    assert "s3cr3t" not in answer.text
    assert "SELECT" not in answer.text
    assert "no_such_column" not in answer.text
    for error in answer.json()["errors"]:
        assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert error["path"]
        if query == "{ notNull }":
            continue  # GraphQL's own words, of the schema and nothing else
        assert error["message"] == "Internal server error"
        assert set(error["extensions"]) == {"code", "id"}
        assert ID.fullmatch(error["extensions"]["id"])
        [record] = [r for r in caplog.records if error["extensions"]["id"] in r.getMessage()]
        assert record.exc_info
    if query == "{ boom }":
        assert "s3cr3t" in caplog.text


async def test_errors_that_are_meant_for_the_client(client: Any, token: Token) -> None:
    answer = await client.graphql("{ coded spoken refused }", token())
    coded, refused, spoken = sorted(answer.json()["errors"], key=lambda error: error["path"])
    assert (coded["message"], coded["extensions"]) == (
        "The name is taken",
        {"code": "BAD_USER_INPUT", "argument": "name"},
    )
    assert refused["extensions"] == {"code": "FORBIDDEN"}
    assert (spoken["message"], spoken["extensions"]) == ("Come back tomorrow", {"code": "CLOSED"})
    assert "s3cr3t" not in answer.text


async def test_validation_stays_readable(client: Any, token: Token) -> None:
    answer = await client.graphql("{ posts { titel } }", token())
    [error] = answer.json()["errors"]
    assert error["message"] == "Cannot query field 'titel' on type 'Post'. Did you mean 'title'?"
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert error["locations"]


async def test_a_variable_that_does_not_fit_stays_readable(client: Any, token: Token) -> None:
    query = "query($n: Int!) { posts(limit: $n) { id } }"
    answer = await client.graphql(query, token(), variables={"n": "x"})
    [error] = answer.json()["errors"]
    assert error["message"].startswith("Variable '$n' has invalid value")
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}


# --- A database that is away ------------------------------------------------------------------------


class Wire:
    """A TCP connection to PostgreSQL that can be cut and mended."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self.port = 0

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._target)
        self._writers += [writer, up_writer]
        with contextlib.suppress(OSError):
            await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.fixture
async def wire(blog: Urls) -> AsyncIterator[Wire]:
    parts = urlsplit(blog.app_url)
    wire = Wire(parts.hostname or "", parts.port or 0)
    await wire.mend()
    yield wire
    with contextlib.suppress(OSError):
        await wire.cut()


@pytest.fixture
def behind(blog: Urls, wire: Wire) -> Urls:
    parts = urlsplit(blog.app_url)
    netloc = f"{parts.username}:{parts.password}@127.0.0.1:{wire.port}"
    return replace(blog, app_url=parts._replace(netloc=netloc).geturl())


async def test_a_database_that_is_away(
    behind: Urls, wire: Wire, make_tenancy: Any, serve: Any, token: Token, ours: bool
) -> None:
    async with serve(app_of(make_tenancy(behind), ours)) as client:
        assert (await client.get("/titles", token())).status_code == 200
        assert await client.data("{ posts { id } }", token())
        await wire.cut()
        for ask in (
            lambda: client.get("/titles", token()),
            lambda: client.graphql("{ posts { id } }", token()),
            lambda: client.graphql("{ held }", token()),
        ):
            for _ in range(3):
                async with asyncio.timeout(5):
                    answer = await ask()
                [error] = answer.json()["errors"]
                assert error["message"] == "Service temporarily unavailable"
                assert error["extensions"] == {"code": "SERVICE_UNAVAILABLE", "retryAfter": 5}
                if ours or "/graphql" not in str(answer.url):
                    assert answer.status_code == 503
                    assert answer.headers["retry-after"] == "5"
        await wire.mend()
        assert (await client.get("/titles", token())).status_code == 200
        assert await client.data("{ posts { id } }", token())


async def test_no_connection_is_free(
    blog: Urls, make_tenancy: Any, serve: Any, token: Token, ours: bool, watch: Any
) -> None:
    budget = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.2, "statement_timeout": "60s"}
    async with serve(app_of(make_tenancy(blog, database=budget), ours)) as client:
        await client.data("{ posts { id } }", token())
        async with watch.lock():  # however long the answers take, none comes by waiting
            holding = asyncio.create_task(client.graphql("{ held }", token()))
            await watch.waiting()
            for ask in (
                lambda: client.get("/titles", token(GLOBEX)),
                lambda: client.graphql("{ posts { id } }", token(GLOBEX)),
                lambda: client.graphql("{ held }", token(GLOBEX)),
            ):
                answer = await ask()
                [error] = answer.json()["errors"]
                assert error["extensions"] == {"code": TenantBusy.code, "retryAfter": 1}
                if ours or "/graphql" not in str(answer.url):
                    assert answer.status_code == 503
                    assert answer.headers["retry-after"] == "1"
            assert not holding.done()
        assert (await holding).json() == {"data": {"held": True}}
        assert (await client.get("/titles", token(GLOBEX))).status_code == 200


async def test_ready_says_so(behind: Urls, wire: Wire, make_tenancy: Any, serve: Any) -> None:
    tenancy = make_tenancy(behind)
    app = app_of(tenancy, True)

    @app.get("/ready")
    async def ready() -> None:
        await tenancy.ready()

    async with serve(app) as client:
        assert (await client.get("/ready")).status_code == 200
        await wire.cut()
        answer = await client.get("/ready")
        assert answer.status_code == 503
        assert answer.json()["errors"][0]["extensions"] == {
            "code": "SERVICE_UNAVAILABLE",
            "retryAfter": 5,
        }
        await wire.mend()
        assert (await client.get("/ready")).status_code == 200

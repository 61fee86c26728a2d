"""Subscriptions over real sockets and streams, under every strategy."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import strawberry.fastapi
from fastapi import FastAPI
from sqlalchemy import text

import fraiseql_strawberry as fraiseql
from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from example_app.schema import Post, posts
from fraiseql_strawberry import Change, Tenancy, TenantSession
from fraiseql_strawberry.errors import SchemaError, SetupError
from fraiseql_strawberry.tenant import TenantStatus
from tests.app.announced import announce, databases, socket, stream

Token = Callable[..., str]

ENDED: list[str] = []


@fraiseql.subscription(channel="posts", sql_source="v_post")
def post_changed(published: bool | None = None) -> Post: ...


@fraiseql.subscription(channel="posts")
async def post_news(change: Change, session: TenantSession, prefix: str = "") -> str | None:
    title = await session.scalar(
        text("SELECT title FROM v_post WHERE id::text = :id"), {"id": change.key}
    )
    return title and f"{prefix}{change.operation} {title}"


@fraiseql.subscription(channel="posts")
def post_keys(change: Change) -> str:
    return change.key


@fraiseql.subscription
async def ticks() -> AsyncGenerator[int, None]:
    for number in range(1_000_000):
        yield number
        await asyncio.sleep(0.02)


@fraiseql.subscription
async def counts(info, step: int = 1) -> AsyncGenerator[int, None]:
    try:
        while True:
            async with info.context.session() as session:
                count = await session.scalar(text("SELECT count(*) FROM v_post"))
            yield count * step
            await asyncio.sleep(0.02)
    finally:
        ENDED.append("counts")


@fraiseql.subscription
async def hoarding(info) -> AsyncGenerator[int, None]:
    async with info.context.session() as session:
        yield await session.scalar(text("SELECT 1"))


@fraiseql.subscription
@fraiseql.requires_scope("read:everything")
async def guarded() -> AsyncGenerator[int, None]:
    yield 1


@fraiseql.subscription(tenant=False)
async def clock() -> AsyncGenerator[int, None]:
    yield 1


FIELDS = [posts, post_changed, post_news, post_keys, ticks, counts, hoarding, guarded, clock]
CHANGED = "subscription { postChanged { title author { name } comments { content } } }"


@pytest.fixture
def tenancy(fresh_blog: Urls, make_tenancy: Callable[..., Tenancy]) -> Tenancy:
    sections: dict[str, Any] = {"limits": {"waiting_events": 20}}
    if fresh_blog.strategy != "database":
        sections["tenants_table"] = "fraiseql.tenants"
    return make_tenancy(fresh_blog, multitenancy=sections, auth={"leeway": 0})


@pytest.fixture
async def url(tenancy: Tenancy, fresh_blog: Urls, serve: Any) -> AsyncIterator[str]:
    await announce(fresh_blog)
    app = FastAPI()
    tenancy.install(app)
    schema = fraiseql.build_schema(FIELDS)
    app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")
    theirs = strawberry.fastapi.GraphQLRouter(schema, context_getter=tenancy.context())
    app.include_router(theirs, prefix="/strawberry")
    ENDED.clear()
    async with serve(app) as client:
        yield client.url


async def write(tenancy: Tenancy, tenant: UUID, title: str, *, published: bool = True) -> None:
    insert = "INSERT INTO tb_post (title, content, published) VALUES (:title, '', :published)"
    async with tenancy.as_tenant(str(tenant)), tenancy.session() as session:
        await session.execute(text(insert), {"title": title, "published": published})


async def listening(urls: Urls, *, count: int = 1) -> None:
    """Returns when so many connections to the blog's databases LISTEN to the posts."""
    async with asyncio.timeout(5):
        while len(await listeners(urls)) != count:
            await asyncio.sleep(0.01)


async def listeners(urls: Urls) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for url in set(databases(urls).values()):
        admin = await asyncpg.connect(url)
        rows = await admin.fetch(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
            "AND query IN ('LISTEN posts', 'LISTEN \"posts\"', 'SELECT 1') AND usename = 'app'"
        )
        found += [(url, row["pid"]) for row in rows if row]
        await admin.close()
    return found


@pytest.mark.strategies
async def test_a_change_is_delivered_to_its_tenant_alone(
    url: str, token: Token, tenancy: Tenancy, fresh_blog: Urls
) -> None:
    async with socket(url, token(ACME)) as acme, socket(url, token(GLOBEX)) as globex:
        await acme.subscribe(CHANGED)
        await globex.subscribe(CHANGED)
        await listening(fresh_blog, count=2 if fresh_blog.strategy == "database" else 1)
        await write(tenancy, ACME, "of acme")
        assert await acme.data() == {
            "postChanged": {"title": "of acme", "author": None, "comments": []}
        }
        await write(tenancy, GLOBEX, "of globex")
        assert (await globex.data())["postChanged"]["title"] == "of globex"
        assert await acme.quiet()
    await listening(fresh_blog, count=0)


@pytest.mark.strategies
async def test_not_even_that_something_has_changed_is_told_to_another(
    url: str, token: Token, tenancy: Tenancy, fresh_blog: Urls
) -> None:
    async with socket(url, token(ACME)) as acme, socket(url, token(GLOBEX)) as globex:
        for client in (acme, globex):
            await client.subscribe("subscription { postKeys }")
        await listening(fresh_blog, count=2 if fresh_blog.strategy == "database" else 1)
        await write(tenancy, ACME, "of acme")
        async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
            key = await session.scalar(text("SELECT id::text FROM v_post WHERE title = 'of acme'"))
        assert await acme.data() == {"postKeys": key}
        assert await globex.quiet()


@pytest.mark.strategies
async def test_a_forged_notification_shows_no_row_of_another(
    url: str,
    token: Token,
    tenancy: Tenancy,
    fresh_blog: Urls,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever may send SQL can NOTIFY, with any tenant's name and any key."""
    of_globex = blog_of(GLOBEX).posts[0].id
    async with socket(url, token(ACME)) as acme:
        await acme.subscribe(CHANGED)
        await listening(fresh_blog)
        admin = await asyncpg.connect(databases(fresh_blog)[ACME])
        for said in (str(ACME), f"tenant_{ACME.hex}", str(GLOBEX)):
            for key in (str(of_globex), "no key", "'; DROP TABLE tb_post; --", ""):
                forged = json.dumps({"tenant": said, "key": key, "operation": "update"})
                await admin.execute("SELECT pg_notify('posts', $1)", forged)
        for garbage in ("", "{", "[]", '{"tenant": 1}', "[" * 5000):
            await admin.execute("SELECT pg_notify('posts', $1)", garbage)
        await admin.close()
        assert await acme.quiet()
        await write(tenancy, ACME, "and it still listens")
        assert (await acme.data())["postChanged"]["title"] == "and it still listens"
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_arguments_filter_the_rows(
    url: str, token: Token, tenancy: Tenancy, fresh_blog: Urls
) -> None:
    async with socket(url, token(ACME)) as acme:
        await acme.subscribe("subscription { postChanged(published: true) { title published } }")
        await listening(fresh_blog)
        await write(tenancy, ACME, "a draft", published=False)
        await write(tenancy, ACME, "published")
        assert await acme.data() == {"postChanged": {"title": "published", "published": True}}


@pytest.mark.strategies
async def test_a_body_has_a_session_for_each_change(
    url: str, token: Token, tenancy: Tenancy, fresh_blog: Urls
) -> None:
    async with socket(url, token(ACME)) as acme:
        query = "subscription($prefix: String!) { postNews(prefix: $prefix) }"
        await acme.subscribe(query, variables={"prefix": "> "})
        await listening(fresh_blog)
        for title in ("one", "two", "three"):  # the pool has two connections
            await write(tenancy, ACME, title)
            assert await acme.data() == {"postNews": f"> insert {title}"}
        async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
            await session.execute(text("UPDATE tb_post SET title = 'four' WHERE title = 'one'"))
            await session.execute(text("DELETE FROM tb_post WHERE title = 'two'"))
        assert await acme.data() == {"postNews": "> update four"}
        assert await acme.quiet()  # what is deleted has no title


async def test_many_subscribers_share_one_connection(
    url: str, token: Token, tenancy: Tenancy, fresh_blog: Urls
) -> None:
    async with socket(url, token(ACME)) as acme, socket(url, token(GLOBEX)) as globex:
        for number in range(20):
            await acme.subscribe(CHANGED, id=f"a{number}")
            await globex.subscribe(CHANGED, id=f"g{number}")
        await listening(fresh_blog)
        await asyncio.sleep(0.1)
        assert len(tenancy.subscriptions) == 40
        await write(tenancy, ACME, "for twenty")
        told = [await acme.next() for _ in range(20)]
        assert {message["id"] for message in told} == {f"a{number}" for number in range(20)}
        assert await globex.quiet()
        assert len(await listeners(fresh_blog)) == 1
    async with asyncio.timeout(2):
        while len(tenancy.subscriptions):
            await asyncio.sleep(0.01)
    await listening(fresh_blog, count=0)


async def test_where_the_connection_breaks_off_subscribers_are_told(
    url: str, token: Token, tenancy: Tenancy, fresh_blog: Urls
) -> None:
    async with socket(url, token(ACME)) as acme:
        await acme.subscribe(CHANGED)
        await listening(fresh_blog)
        admin = await asyncpg.connect(fresh_blog.admin_url)
        [(_, pid)] = await listeners(fresh_blog)
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
        await admin.close()
        [error] = await acme.errors()
        assert error["extensions"] == {"code": "EVENTS_MISSED", "retryAfter": 1}
        assert (await acme.next())["type"] == "complete"
        await acme.subscribe(CHANGED)
        await listening(fresh_blog)
        await write(tenancy, ACME, "again")
        assert (await acme.data())["postChanged"]["title"] == "again"


async def test_a_slow_client_is_told_and_keeps_nothing_waiting(
    url: str, token: Token, tenancy: Tenancy, fresh_blog: Urls
) -> None:
    async with socket(url, token(ACME)) as acme:
        await acme.subscribe(CHANGED)
        await listening(fresh_blog)
        async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
            insert = "INSERT INTO tb_post (title, content) SELECT 'many', '' FROM generate_series(1, 500)"
            await session.execute(text(insert))
        messages = [await acme.next()]
        while messages[-1]["type"] == "next":
            messages.append(await acme.next())
        [error] = messages[-2]["payload"]["errors"]
        assert error["extensions"]["code"] == "EVENTS_MISSED"
        assert len(messages) <= 22  # 20 may wait


@pytest.mark.strategies
async def test_generators_open_a_session_for_each_event(
    url: str, token: Token, tenancy: Tenancy
) -> None:
    expected = len(blog_of(ACME).posts)
    async with socket(url, token(ACME)) as acme:
        for id in "123456":  # more than the pool has connections
            await acme.subscribe("subscription { counts(step: 2) }", id=id)
        seen = [await acme.next() for _ in range(30)]
        assert {message["payload"]["data"]["counts"] for message in seen} == {2 * expected}
    async with asyncio.timeout(2):
        while len(ENDED) < 6:
            await asyncio.sleep(0.01)


async def test_a_session_that_is_held_over_an_event_is_refused(url: str, token: Token) -> None:
    async with socket(url, token(ACME)) as acme:
        await acme.subscribe("subscription { hoarding }")
        [error] = await acme.errors()
        assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"


async def test_guards_stand_before_the_first_event(url: str, token: Token) -> None:
    async with socket(url, token(ACME)) as acme, socket(url, None) as nobody:
        await acme.subscribe("subscription { guarded }")
        refused = await acme.next()
        assert refused["type"] == "error"  # nothing was begun
        assert refused["payload"][0]["extensions"]["code"] == "FORBIDDEN"
        await nobody.subscribe(CHANGED)
        assert (await nobody.errors())[0]["extensions"]["code"] == "UNAUTHORIZED"
        assert (await nobody.next())["type"] == "complete"
        await nobody.subscribe("subscription { clock }", id="2")
        assert await nobody.data() == {"clock": 1}


async def test_the_bounds_of_documents_hold_for_subscriptions(url: str, token: Token) -> None:
    names = " ".join(f"a{number}: title" for number in range(31))
    async with socket(url, token(ACME)) as acme:
        await acme.subscribe(f"subscription {{ postChanged {{ {names} }} }}")
        [error] = await acme.errors()
        assert "number of aliases" in error["message"]


@pytest.mark.parametrize("how", ["token", "tenant"])
async def test_under_strawberrys_own_router_it_ends_with_the_next_event(
    url: str, token: Token, tenancy: Tenancy, how: str
) -> None:
    lifetime = 2 if how == "token" else 600
    async with socket(url, token(ACME, lifetime=lifetime), path="/strawberry") as acme:
        await acme.subscribe("subscription { ticks }")
        await acme.data()
        if how == "tenant":
            assert tenancy.registry is not None
            tenancy.registry.set_status(str(ACME), TenantStatus.SUSPENDED)
        async with asyncio.timeout(4):
            while "errors" not in (message := await acme.next())["payload"]:
                pass
        code = "UNAUTHORIZED" if how == "token" else "TENANT_UNAVAILABLE"
        assert message["payload"]["errors"][0]["extensions"]["code"] == code
        assert (await acme.next())["type"] == "complete"


# --- Server-sent events -----------------------------------------------------------------------------


@pytest.mark.strategies
async def test_changes_over_server_sent_events(
    url: str, token: Token, tenancy: Tenancy, fresh_blog: Urls
) -> None:
    async with stream(url, token(ACME), CHANGED) as acme:
        assert acme.response.headers["content-type"].startswith("text/event-stream")
        assert "no-store" in acme.response.headers["cache-control"]
        await listening(fresh_blog)
        await write(tenancy, GLOBEX, "of globex")
        await write(tenancy, ACME, "of acme")
        name, payload = await acme.next()
        assert (name, payload["data"]["postChanged"]["title"]) == ("next", "of acme")
    await listening(fresh_blog, count=0)


async def test_queries_over_server_sent_events(url: str, token: Token) -> None:
    async with stream(url, token(ACME), "{ posts(limit: 1) { title } }") as acme:
        name, payload = await acme.next()
        assert name == "next"
        assert len(payload["data"]["posts"]) == 1
        assert await acme.next() == ("complete", None)


async def test_a_stream_ends_with_its_token(url: str, token: Token) -> None:
    started = time.time()
    async with stream(url, token(ACME, lifetime=2), CHANGED) as acme:
        name, payload = await acme.next()
        assert name == "next"
        assert payload["data"] is None if "data" in payload else True
        [error] = payload["errors"]
        assert error["message"] == "The token has expired"
        assert error["extensions"]["code"] == "UNAUTHORIZED"
        assert await acme.next() == ("complete", None)
    assert 1 <= time.time() - started < 3


async def test_a_stream_ends_with_its_tenant(
    url: str, token: Token, tenancy: Tenancy, fresh_blog: Urls
) -> None:
    async with stream(url, token(ACME), CHANGED) as acme, stream(url, token(GLOBEX), CHANGED) as g:
        await listening(fresh_blog)
        assert tenancy.registry is not None
        tenancy.registry.set_status(str(ACME), TenantStatus.SUSPENDED)
        _, payload = await acme.next(1)
        assert payload["errors"][0]["extensions"]["code"] == "TENANT_UNAVAILABLE"
        assert await acme.next() == ("complete", None)
        await write(tenancy, GLOBEX, "still here")
        assert (await g.next())[1]["data"]["postChanged"]["title"] == "still here"


async def test_a_client_that_leaves_ends_its_generator(url: str, token: Token) -> None:
    async with stream(url, token(ACME), "subscription { counts }") as acme:
        await acme.next()
    async with asyncio.timeout(2):
        while not ENDED:
            await asyncio.sleep(0.01)


async def test_errors_are_masked_in_streams(url: str, token: Token) -> None:
    async with stream(url, token(ACME), "subscription { hoarding }") as acme:
        _, payload = await acme.next()
        assert payload["errors"][0]["message"] == "Internal server error"


# --- What is refused --------------------------------------------------------------------------------


async def test_a_pooler_that_delivers_nothing_is_refused_at_the_start(
    fresh_blog: Urls, make_tenancy: Callable[..., Tenancy]
) -> None:
    tenancy = make_tenancy(fresh_blog, database={"pooler": "transaction"})
    router = fraiseql.GraphQLRouter(fraiseql.build_schema(FIELDS), tenancy=tenancy)
    assert router is not None
    with pytest.raises(SetupError, match="listen_url"):
        await tenancy.start()
    direct = {"pooler": "transaction", "listen_url": fresh_blog.app_url}
    tenancy = make_tenancy(fresh_blog, database=direct)
    fraiseql.GraphQLRouter(fraiseql.build_schema(FIELDS), tenancy=tenancy)
    async with tenancy:
        pass


async def test_rows_that_do_not_fit_are_refused_at_the_start(
    fresh_blog: Urls, make_tenancy: Callable[..., Tenancy]
) -> None:
    @fraiseql.subscription(channel="posts", sql_source="v_user")
    def other_source() -> Post: ...

    @fraiseql.subscription(channel="posts", sql_source="v_post")
    def no_column(titel: str) -> Post: ...

    @fraiseql.subscription(channel="posts", sql_source="v_post", key="idd")
    def no_key() -> Post: ...

    for field, words in ((other_source, "v_user"), (no_column, "title"), (no_key, "id")):
        tenancy = make_tenancy(fresh_blog)
        fraiseql.GraphQLRouter(fraiseql.build_schema([posts, field]), tenancy=tenancy)
        with pytest.raises(SchemaError, match=words):
            await tenancy.start()

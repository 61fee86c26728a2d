"""One suite for every strategy, with and without a pooler, in both lanes, over HTTP.

The model is what the example's data says; a witness looks at what is stored over connections that
no code of ours has touched.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

import fraiseql_strawberry as fraiseql
from example_app import schema as blog_schema
from example_app.data import ACME, GLOBEX, Blog, blog_of
from example_app.database import Urls, clone, drop
from fraiseql_strawberry import Tenancy, TenantSession
from tests.pgbouncer import PgBouncer
from tests.sealing import SEALED, seal_blog
from tests.service import Client, serving
from tests.witness import Witness

# "sealed" is row isolation whose policies believe a tenant only under a seal.
pytestmark = pytest.mark.strategies("row", "sealed", "schema", "database")

TENANTS = (ACME, GLOBEX)
BOTH = pytest.mark.parametrize("tenant", TENANTS, ids=["acme", "globex"])

Token = Callable[..., str]

TITLES = text("SELECT title FROM v_post ORDER BY title")
INSERT = text("INSERT INTO tb_post (title, content) VALUES (:title, 'From a test.')")


async def titles(session: AsyncSession) -> list[str]:
    return list((await session.scalars(TITLES)).all())


@fraiseql.mutation
async def write_then_fail(session: TenantSession, title: str) -> str | None:
    await session.execute(INSERT, {"title": title})
    raise LookupError("on purpose")


@fraiseql.mutation
async def use_savepoints(session: TenantSession, kept: str, undone: str) -> list[str]:
    """Two savepoints: one is released, one is rolled back."""
    async with session.begin_nested():
        await session.execute(INSERT, {"title": kept})
    savepoint = await session.begin_nested()
    await session.execute(INSERT, {"title": undone})
    await savepoint.rollback()
    return await titles(session)


@fraiseql.mutation
async def commit_and_go_on(session: TenantSession, kept: str, undone: str) -> list[str]:
    """Three transactions in one session."""
    await session.execute(INSERT, {"title": kept})
    await session.commit()
    await session.execute(INSERT, {"title": undone})
    await session.rollback()
    return await titles(session)


@fraiseql.mutation(atomic=True)
async def write_atomic(session: TenantSession, title: str) -> str:
    await session.execute(INSERT, {"title": title})
    return title


@fraiseql.mutation(atomic=True)
async def fail_atomic() -> str | None:
    raise LookupError("on purpose")


@fraiseql.mutation(sql_source="tb_post", operation="update")
def rename_post(id: UUID, title: str) -> blog_schema.Post | None: ...


@fraiseql.mutation
async def wait_for_lock(session: TenantSession, title: str) -> str:
    await session.execute(INSERT, {"title": title})
    await session.execute(text("SELECT pg_advisory_xact_lock(7)"))
    return title


SCHEMA = fraiseql.build_schema(
    [
        *(blog_schema.posts, blog_schema.post, blog_schema.users, blog_schema.create_post),
        *(write_then_fail, use_savepoints, commit_and_go_on, write_atomic, fail_atomic),
        *(wait_for_lock, rename_post),
    ]
)


# --- What is served ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def blog(make_template: Callable[..., Awaitable[Urls]], strategy: str) -> AsyncIterator[Urls]:
    """A blog for all tests of a module, which leave it as they found it."""
    sealed = strategy == "sealed"
    urls = await clone(
        await make_template("row" if sealed else strategy), f"blog_{uuid4().hex[:12]}"
    )
    if sealed:
        await seal_blog(urls)
    yield urls
    await drop(urls)


@pytest.fixture(scope="module", params=["direct", "PgBouncer"])
async def reached(
    request: pytest.FixtureRequest, blog: Urls, witness: Witness
) -> AsyncIterator[tuple[Urls, dict[str, Any]]]:
    """Where the service finds its database, and what `[database]` says of that."""
    if request.param == "direct":
        yield blog, {}
        return
    make: Callable[..., PgBouncer] = request.getfixturevalue("pgbouncer")
    bouncer = make("transaction")
    if blog.strategy == "database":
        await witness.register({t: bouncer.url(blog.of(t).app_url) for t in TENANTS})
    yield bouncer.urls(blog), {"pooler": "transaction"}
    if blog.strategy == "database":
        await witness.register({tenant: blog.of(tenant).app_url for tenant in TENANTS})


@pytest.fixture(scope="module", params=[True, False], ids=["fast lane", "standard lane"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture(scope="module")
def tenancy(
    reached: tuple[Urls, dict[str, Any]],
    make_tenancy: Callable[..., Tenancy],
    fast_lane: bool,
    strategy: str,
) -> Tenancy:
    urls, database = reached
    return make_tenancy(
        urls,
        database=database,
        multitenancy={
            "tenants_table": "fraiseql.tenants",
            **(SEALED if strategy == "sealed" else {}),
        },
        graphql={"fast_lane": fast_lane, "server_timing": True},
    )


@pytest.fixture(scope="module")
async def client(tenancy: Tenancy) -> AsyncIterator[Client]:
    app = FastAPI()
    tenancy.install(app)
    app.include_router(fraiseql.GraphQLRouter(SCHEMA, tenancy=tenancy), prefix="/graphql")
    async with serving(app) as client:
        yield client


@pytest.fixture(autouse=True)
async def nothing_is_left(
    client: Client,
    tenancy: Tenancy,
    witness: Witness,
    assert_clean: Callable[..., Awaitable[None]],
) -> AsyncIterator[None]:
    """After each test, connections lie clean in the pool; what was written is taken back."""
    yield
    await assert_clean(tenancy)
    for tenant in TENANTS:
        await witness.fetch(tenant, "DELETE FROM tb_post WHERE content = 'From a test.'")


def own_titles(tenant: UUID) -> list[str]:
    return sorted(post.title for post in blog_of(tenant).posts)


async def stored(witness: Witness, title: str) -> list[UUID]:
    """The tenants that have a post of that title."""
    return await witness.owners("SELECT FROM tb_post WHERE title = $1", title)


def new_title(tenant: UUID) -> str:
    """A watermark: whose it is, and which."""
    return f"{tenant} {uuid4()}"


def other(tenant: UUID) -> UUID:
    return GLOBEX if tenant == ACME else ACME


# --- Reads ------------------------------------------------------------------------------------------

PAGE = """{
    posts(limit: 100) {
        id title published author { name email } comments { content author { name } }
    }
    users(limit: 100) { id name }
}"""


def page_of(blog: Blog) -> dict[str, Any]:
    """What `PAGE` must answer, from the texts alone."""
    users = {user.id: user for user in blog.users}
    posts = sorted(blog.posts, key=lambda post: str(post.id))
    posts.sort(key=lambda post: post.created_at, reverse=True)
    comments = sorted(blog.comments, key=lambda comment: (comment.created_at, comment.id))
    return {
        "posts": [
            {
                "id": str(post.id),
                "title": post.title,
                "published": post.published,
                "author": {
                    "name": users[post.user_id].name,
                    "email": users[post.user_id].email,
                },
                "comments": [
                    {"content": comment.content, "author": {"name": users[comment.user_id].name}}
                    for comment in comments
                    if comment.post_id == post.id
                ],
            }
            for post in posts
        ],
        "users": [
            {"id": str(user.id), "name": user.name}
            for user in sorted(blog.users, key=lambda user: user.name)
        ],
    }


@BOTH
async def test_reads_equal_the_model(
    client: Client, token: Token, tenant: UUID, fast_lane: bool
) -> None:
    for _ in range(2):  # the first one may have to read a catalog
        answer = await client.graphql(PAGE, token(tenant))
        data = answer.json()["data"]
        expected = page_of(blog_of(tenant))
        assert {user["id"] for user in data["users"]} == {user["id"] for user in expected["users"]}
        assert data["posts"] == expected["posts"]
    assert ("fast" if fast_lane else "standard") in answer.headers["server-timing"]


@BOTH
async def test_another_tenants_row_does_not_exist(
    client: Client, token: Token, tenant: UUID
) -> None:
    query = "query($id: UUID!) { post(id: $id) { title } }"
    for post in blog_of(tenant).posts[:3]:
        variables = {"id": str(post.id)}
        assert (await client.data(query, token(tenant), variables=variables))["post"] is not None
        data = await client.data(query, token(other(tenant)), variables=variables)
        assert data == {"post": None}


# --- Writes -----------------------------------------------------------------------------------------

CREATE = (
    'mutation($title: String!) { createPost(title: $title, content: "From a test.") '
    "{ id title author { name } } }"
)


@BOTH
async def test_an_acknowledged_write_is_there_and_is_the_tenants(
    client: Client, token: Token, tenant: UUID, witness: Witness
) -> None:
    for _ in range(5):
        title = new_title(tenant)
        data = await client.data(CREATE, token(tenant), variables={"title": title})
        # The commit came before the response: another connection sees the row at once.
        assert await stored(witness, title) == [tenant]
        assert data["createPost"]["title"] == title
        assert data["createPost"]["author"]["name"] == blog_of(tenant).users[0].name


@BOTH
async def test_a_write_through_sql_is_there_and_is_the_tenants(
    client: Client, token: Token, witness: Witness, tenant: UUID, fast_lane: bool
) -> None:
    await client.data("{ posts { id } }", token(tenant))  # its catalog is read in the standard lane
    mine, theirs = blog_of(tenant).posts[0], blog_of(other(tenant)).posts[0]
    title = new_title(tenant)
    rename = (
        "mutation($id: UUID!, $title: String!) { renamePost(id: $id, title: $title) { title } }"
    )
    for post, expected in ((theirs, None), (mine, {"title": title})):
        variables = {"id": str(post.id), "title": title}
        answer = await client.graphql(rename, token(tenant), variables=variables)
        assert answer.json() == {"data": {"renamePost": expected}}
        assert ("fast: compiled" in answer.headers["server-timing"]) == fast_lane
    assert await stored(witness, title) == [tenant]
    back = {"id": str(mine.id), "title": mine.title}
    assert (await client.data(rename, token(tenant), variables=back))["renamePost"]


@BOTH
async def test_a_failed_write_is_absent(
    client: Client, token: Token, tenant: UUID, witness: Witness
) -> None:
    title = new_title(tenant)
    document = "mutation($t: String!) { writeThenFail(title: $t) }"
    answer = await client.graphql(document, token(tenant), variables={"t": title})
    assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert await stored(witness, title) == []


@pytest.fixture
async def failing_commits(witness: Witness) -> AsyncIterator[None]:
    """Every new post passes its INSERT and fails at COMMIT."""
    await witness.everywhere("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the secret reason'; END $$;
        CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON tb_post
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
    """)
    yield
    await witness.everywhere("DROP TRIGGER refuse ON tb_post; DROP FUNCTION refuse()")


@pytest.mark.usefixtures("failing_commits")
@BOTH
async def test_a_failing_commit_is_an_error_the_client_sees(
    client: Client, token: Token, tenant: UUID, witness: Witness
) -> None:
    title = new_title(tenant)
    answer = await client.graphql(CREATE, token(tenant), variables={"title": title})
    assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "secret" not in answer.text
    assert await stored(witness, title) == []


@BOTH
@pytest.mark.parametrize("field", ["useSavepoints", "commitAndGoOn"])
async def test_a_session_is_bound_in_all_its_transactions(
    client: Client, token: Token, tenant: UUID, witness: Witness, field: str
) -> None:
    kept, undone = new_title(tenant), new_title(tenant)
    data = await client.data(
        f"mutation($k: String!, $u: String!) {{ {field}(kept: $k, undone: $u) }}",
        token(tenant),
        variables={"k": kept, "u": undone},
    )
    assert sorted(data[field]) == sorted([*own_titles(tenant), kept])
    assert await stored(witness, kept) == [tenant]
    assert await stored(witness, undone) == []


@BOTH
@pytest.mark.parametrize("failing", [False, True], ids=["", "and fails"])
async def test_an_atomic_operation_is_all_or_nothing(
    client: Client, token: Token, tenant: UUID, witness: Witness, failing: bool
) -> None:
    first, second = new_title(tenant), new_title(tenant)
    document = (
        "mutation($a: String!, $b: String!) { a: writeAtomic(title: $a) b: writeAtomic(title: $b)"
    )
    answer = await client.graphql(
        document + (" failAtomic }" if failing else " }"),
        token(tenant),
        variables={"a": first, "b": second},
    )
    assert ("errors" in answer.json()) is failing
    for title in (first, second):
        assert await stored(witness, title) == ([] if failing else [tenant])


# --- Guards -----------------------------------------------------------------------------------------


@asynccontextmanager
async def hearing_nothing(tenancy: Tenancy) -> AsyncIterator[None]:
    """Behind a pooler the registry asks for its counter twice a second, on the same back-ends as
    requests: it does not in the block, so that whatever is sent there is a request's."""
    live = tenancy.parts.registry
    assert live is not None
    await live.ears.stop()
    try:
        yield
    finally:
        live.ears.start()


@pytest.mark.parametrize("document", [PAGE, "mutation { writeAtomic(title: \"x\") }"])  # fmt: skip
async def test_without_a_tenant_no_statement_is_sent(
    client: Client, token: Token, tenancy: Tenancy, witness: Witness, document: str
) -> None:
    await client.data(PAGE, token(ACME))
    for nobody in (None, token(None), "not-a-token"):
        async with hearing_nothing(tenancy), witness.nothing_sent():
            answer = await client.graphql(document, nobody)
        assert answer.status_code == 401
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHORIZED"
        assert "data" not in answer.json()


@pytest.mark.parametrize("document", [PAGE, 'mutation { writeAtomic(title: "x") }'])
async def test_tenants_that_are_not_served_look_the_same(
    client: Client, token: Token, tenancy: Tenancy, witness: Witness, document: str
) -> None:
    answers = [await client.graphql(document, token(uuid4(), user="nobody"))]
    assert tenancy.registry is not None
    try:
        for status in ("suspended", "archived", "provisioning", "deleting"):
            await witness.set_status(GLOBEX, status)
            tenancy.registry.forget()
            answers.append(await client.graphql(document, token(GLOBEX)))
        assert (await client.data(PAGE, token(ACME)))["posts"]  # the other one is served
    finally:
        await witness.set_status(GLOBEX, "active")
        tenancy.registry.forget()
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["errors"][0]["extensions"] == {"code": "TENANT_UNAVAILABLE"}


# --- Failures ---------------------------------------------------------------------------------------


@BOTH
async def test_a_cancelled_write_leaves_nothing(
    tenancy: Tenancy, client: Client, tenant: UUID, witness: Witness
) -> None:
    title = new_title(tenant)
    async with tenancy.as_tenant(str(tenant)), asyncio.timeout(10):
        lock = await witness.of(tenant)
        await lock.execute("SELECT pg_advisory_lock(7)")
        try:
            task = asyncio.create_task(
                SCHEMA.execute("mutation($t: String!) { waitForLock(title: $t) }", {"t": title})
            )
            while not await lock.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ):
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        finally:
            await lock.execute("SELECT pg_advisory_unlock(7)")
    assert await stored(witness, title) == []


async def test_tenants_who_read_and_write_at_once_are_not_mixed(
    client: Client, token: Token, witness: Witness
) -> None:
    dice = random.Random(4)
    written: dict[UUID, set[str]] = {tenant: set() for tenant in TENANTS}

    async def ask(tenant: UUID) -> None:
        known = written[tenant] | {post.title for post in blog_of(tenant).posts}
        if dice.random() < 0.3:
            title = new_title(tenant)
            await client.data(CREATE, token(tenant), variables={"title": title})
            written[tenant].add(title)
        data = await client.data("{ posts(limit: 200) { title } }", token(tenant))
        seen = {post["title"] for post in data["posts"]}
        assert known <= seen
        model = {post.title for post in blog_of(tenant).posts}
        assert all(title.startswith(str(tenant)) for title in seen - model)

    await asyncio.gather(*(ask(dice.choice(TENANTS)) for _ in range(60)))
    for tenant in TENANTS:
        rows = await witness.fetch(
            tenant, "SELECT title FROM tb_post WHERE content = 'From a test.'"
        )
        assert {row["title"] for row in rows} == written[tenant]


# --- While it is served -----------------------------------------------------------------------------


@BOTH
async def test_tables_that_change_while_they_are_served(
    client: Client, token: Token, tenant: UUID, witness: Witness
) -> None:
    """A migration that keeps the view's columns is not noticed; one that loses one is an error
    of that field's and of no other."""
    query = "{ posts(limit: 100) { title content } }"
    expected = await client.data(query, token(tenant))
    await witness.everywhere("ALTER TABLE tb_post ADD COLUMN subtitle text NOT NULL DEFAULT ''")
    try:
        assert await client.data(query, token(tenant)) == expected
        await witness.everywhere("ALTER VIEW v_post RENAME COLUMN content TO body")
        try:
            assert await client.data("{ posts(limit: 100) { title } }", token(tenant)) == {
                "posts": [{"title": post["title"]} for post in expected["posts"]]
            }
            answer = await client.graphql(query, token(tenant))
            assert answer.json()["errors"]
            assert "body" not in answer.text
        finally:
            await witness.everywhere("ALTER VIEW v_post RENAME COLUMN body TO content")
        async with asyncio.timeout(5):  # a catalog that did not fit is read again after a second
            while "errors" in (await client.graphql(query, token(tenant))).json():
                await asyncio.sleep(0.05)
        assert await client.data(query, token(tenant)) == expected
    finally:
        await witness.everywhere("ALTER TABLE tb_post DROP COLUMN subtitle")

"""The conformance suite on a real Citus, where `CITUS_URL` names a coordinator with workers.

    CITUS_URL=postgresql://postgres:…@coordinator/citus pytest tests/isolation/test_citus.py

Needs a database with the extension and at least one worker, in which nothing has the schemas `app`,
`fraiseql` or a tenant's; they are made and dropped.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text
from sqlalchemy.orm import aliased, joinedload

import fraiseql_strawberry as fraiseql
from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from example_app.schema import Post as BlogPost
from fraiseql_strawberry import Tenancy, TenantSession
from fraiseql_strawberry.check.prove import Outcome, prove_database
from fraiseql_strawberry.config import Strategy
from fraiseql_strawberry.events import StatementRun
from tests.citus import CITUS_URL, NO_CITUS, CitusWitness, blog_on_citus
from tests.isolation import test_conformance as conformance
from tests.isolation.test_citus_forms import Comment, Post, User
from tests.isolation.test_conformance import *  # noqa: F403 - one and the same suite
from tests.service import Client, serving

if not CITUS_URL:
    pytest.skip(NO_CITUS, allow_module_level=True)

pytestmark = pytest.mark.strategies("row", "schema")

AS_ACME = f"SET LOCAL app.tenant_id = '{ACME}'"


@pytest.fixture(scope="module")
async def blog(strategy: Strategy) -> AsyncIterator[Urls]:
    async with blog_on_citus(strategy) as urls:
        yield urls


@pytest.fixture(scope="module")
async def witness(blog: Urls) -> AsyncIterator[CitusWitness]:
    witness = CitusWitness(blog)
    yield witness
    await witness.close()


@pytest.fixture(scope="module")
async def reached(blog: Urls) -> tuple[Urls, dict[str, Any]]:
    return blog, {}


@fraiseql.mutation
@fraiseql.requires_scope("write:posts")
async def create_post(info: Any, session: TenantSession, title: str, content: str) -> BlogPost:
    """As the example's, but for its sub-SELECT: "not supported within INSERT queries"."""
    user = text("SELECT id FROM tb_user WHERE id::text = :id")
    user_id = await session.scalar(user, {"id": info.context["user_id"]})
    insert = text(
        "INSERT INTO tb_post (user_id, title, content) VALUES (:user_id, :title, :content) "
        "RETURNING id"
    )
    values = {"user_id": user_id, "title": title, "content": content}
    return await fraiseql.load(BlogPost, session, id=await session.scalar(insert, values))


SCHEMA = fraiseql.build_schema(
    [
        *(conformance.blog_schema.posts, conformance.blog_schema.post),
        *(conformance.blog_schema.users, create_post),
        *(conformance.write_then_fail, conformance.use_savepoints, conformance.commit_and_go_on),
        *(conformance.write_atomic, conformance.fail_atomic, conformance.rename_post),
    ]
)


@pytest.fixture(scope="module")
async def client(tenancy: Tenancy) -> AsyncIterator[Client]:
    app = FastAPI()
    tenancy.install(app)
    app.include_router(fraiseql.GraphQLRouter(SCHEMA, tenancy=tenancy), prefix="/graphql")
    async with serving(app) as client:
        yield client


@pytest.fixture
async def failing_commits(blog: Urls, witness: CitusWitness) -> AsyncIterator[None]:
    """A new post passes its INSERT and fails at COMMIT; Citus has no triggers for it."""
    key = "tenant_id, id" if blog.strategy == "row" else "id"
    await witness.everywhere(
        f"ALTER TABLE tb_post ADD CONSTRAINT refuse FOREIGN KEY ({key}) "
        f"REFERENCES tb_user ({key}) DEFERRABLE INITIALLY DEFERRED NOT VALID"
    )
    yield
    await witness.everywhere("ALTER TABLE tb_post DROP CONSTRAINT refuse")


# --- What only several servers can show -------------------------------------------------------------


async def tasks(blog: Urls, sql: str) -> int:
    """How many shards a statement asks, as Acme."""
    connection = await asyncpg.connect(blog.app_url)
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL citus.propagate_set_commands = 'local'")
            await connection.execute(AS_ACME)
            await connection.execute(f"SET LOCAL search_path = {blog.home(ACME)}, pg_temp")
            rows = await connection.fetch(f"EXPLAIN {sql}")
    finally:
        await connection.close()
    found = [row[0] for row in rows if "Task Count" in row[0]]
    return sum(int(line.rpartition(":")[2]) for line in found)


async def test_the_tenants_are_on_the_workers(blog: Urls, witness: CitusWitness) -> None:
    rows = await (await witness.connection()).fetch(
        "SELECT table_name::text, citus_table_type AS type, shard_count AS shards FROM citus_tables"
    )
    kinds = {(row["type"], row["shards"] > 1) for row in rows}
    assert kinds == ({("distributed", True)} if blog.strategy == "row" else {("schema", False)})
    assert len(rows) == (3 if blog.strategy == "row" else 6)


async def test_a_compiled_read_asks_one_shard(
    tenancy: Tenancy, blog: Urls, client: Client, token: Callable[..., str]
) -> None:
    seen: list[str] = []

    def note(event: object) -> None:
        if isinstance(event, StatementRun):
            seen.append(event.statement)

    tenancy.observers = (note,)
    try:
        await client.data(conformance.PAGE, token(ACME))
    finally:
        tenancy.observers = ()
    assert seen
    for sql in seen:
        written = sql.replace("$1::text", f"'{ACME}'::text")
        written = re.sub(
            r"\$\d+::uuid\[\]", f"ARRAY['{blog_of(ACME).posts[0].id}']::uuid[]", written
        )
        written = re.sub(r"\$\d+::int8", "10::int8", written)
        assert await tasks(blog, written) == 1, sql


async def test_what_stays_on_the_coordinator_shows_nothing(blog: Urls) -> None:
    """Fail-closed: a transaction that says its tenant by set_config() alone sees no rows."""
    if blog.strategy != "row":
        pytest.skip("schemas need no setting")
    connection = await asyncpg.connect(blog.app_url)
    async with connection.transaction():
        await connection.execute("SELECT set_config('app.tenant_id', $1, true)", str(ACME))
        assert await connection.fetchval("SELECT count(*) FROM app.v_post") == 0
    await connection.close()


ORM = {
    "entities": select(Post),
    "a join": select(Post.title).join(User, User.id == Post.user_id),
    "an alias": select(aliased(Post).title),
    "a joined load": select(Post).options(joinedload(Post.author)),
    "a sub-query": select(User.name).where(User.id.in_(select(Post.user_id))),
    "an aggregate": select(func.count()).select_from(Comment),
}


@pytest.mark.parametrize("kind", ORM)
async def test_orm_statements_ask_one_shard(tenancy: Tenancy, blog: Urls, kind: str) -> None:
    if blog.strategy != "row":
        pytest.skip("a schema is one shard")
    async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
        await session.execute(text("SET LOCAL citus.log_remote_commands = on"))
        connection = await session.connection()
        raw: Any = (await connection.get_raw_connection()).driver_connection
        said: list[str] = []
        raw.add_log_listener(note := lambda _, message: said.append(message.message))
        await session.execute(text("SET LOCAL client_min_messages = 'log'"))
        (await session.execute(ORM[kind])).unique().all()
        raw.remove_log_listener(note)
    reads = [one for one in said if re.search(r"SELECT .* FROM .*tb_", one, re.DOTALL)]
    assert len(reads) == 1, said


@pytest.mark.parametrize("tenant", [ACME, GLOBEX])
async def test_the_orm_writes_and_reads_back(tenancy: Tenancy, blog: Urls, tenant: UUID) -> None:
    if blog.strategy != "row":
        pytest.skip("the mapped classes are those of rows")
    async with tenancy.as_tenant(str(tenant)), tenancy.session() as session:
        posts = (await session.scalars(select(Post).options(joinedload(Post.author)))).all()
        assert {post.title for post in posts} == {post.title for post in blog_of(tenant).posts}
        posts[0].title = "changed"
        await session.flush()
        assert await session.scalar(select(Post.title).where(Post.id == posts[0].id)) == "changed"
        await session.rollback()


async def test_attacks_find_no_hole(tenancy: Tenancy, blog: Urls) -> None:
    connection = await asyncpg.connect(blog.app_url)
    try:
        tenants = (str(ACME), str(GLOBEX)) if blog.strategy == "schema" else None
        proof = await prove_database(tenancy.config, connection, tenants=tenants)
    finally:
        await connection.close()
    outcomes = {one.outcome for one in proof.attempts}
    assert Outcome.CLOSED in outcomes
    if blog.strategy == "row":  # without a role for each tenant, schemas are open by name
        assert Outcome.HOLE not in outcomes

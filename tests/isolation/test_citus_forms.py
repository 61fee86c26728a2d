"""Who is recognised as Citus, what it is sent, and what the ORM's statements say.

On PostgreSQL with a stand-in for Citus (tests/citus.py): the statements are run for real.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from asyncpg import PostgresError
from sqlalchemy import delete, event, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    aliased,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
)

import fraiseql_strawberry as fraiseql
from example_app import schema as blog_schema
from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls, clone, drop
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.check.prove import Outcome, prove_database
from fraiseql_strawberry.engine import asyncpg_url
from fraiseql_strawberry.errors import SetupError
from fraiseql_strawberry.isolation import RowIsolation
from tests.citus import install_stand_in

MakeTenancy = Callable[..., Tenancy]
SCHEMA = fraiseql.build_schema(blog_schema)

PROPAGATE = "set_config('citus.propagate_set_commands', 'local', true)"
STATE = text(
    "SELECT current_setting('app.tenant_id', true) AS tenant, "
    "current_setting('citus.propagate_set_commands', true) AS propagate"
)


@pytest.fixture
async def citus(fresh_blog: Urls, make_tenancy: MakeTenancy) -> AsyncIterator[Tenancy]:
    """A tenancy on what looks like Citus, with one connection."""
    await install_stand_in(fresh_blog.admin_url)
    async with make_tenancy(fresh_blog, database={"pool_size": 1}) as tenancy:
        yield tenancy


@asynccontextmanager
async def sent(connection: asyncpg.Connection[Any]) -> AsyncIterator[list[str]]:
    """What asyncpg's own calls send over a connection within the block."""
    found: list[str] = []
    with connection.query_logger(lambda record: found.append(record.query)):
        yield found
        await asyncio.sleep(0)  # it tells of a statement in the loop's next round


async def driver(tenancy: Tenancy) -> asyncpg.Connection[Any]:
    """The one connection of the pool."""
    async with tenancy.isolation.engine(str(ACME)) as engine, engine.connect() as connection:
        raw = await connection.get_raw_connection()
        return raw.driver_connection


async def graphql(tenancy: Tenancy, tenant: UUID, query: str) -> Any:
    async with tenancy.as_tenant(str(tenant)):
        result = await SCHEMA.execute(query)
    assert result.errors is None
    return result.data


# --- Who is recognised ------------------------------------------------------------------------------


async def test_postgresql_is_not_citus(tenancy: Tenancy) -> None:
    connection = await driver(tenancy)
    async with sent(connection) as found:
        await graphql(tenancy, ACME, "{ posts { title } }")
    assert not any("citus" in sql or "SET LOCAL" in sql for sql in found)
    assert tenancy.isolation.catalog_sql("SELECT 1") == "SELECT 1"


async def test_the_extension_is_noticed_by_the_next_look(
    fresh_blog: Urls, make_tenancy: MakeTenancy
) -> None:
    async with make_tenancy(fresh_blog) as tenancy:
        assert tenancy.isolation.catalog_sql("SELECT 1") == "SELECT 1"
        await install_stand_in(fresh_blog.admin_url)
        await tenancy.ready()
        assert "pg_dist_partition" in tenancy.isolation.catalog_sql("SELECT 1")


async def test_a_tenants_role_cannot_log_in_to_workers(
    make_template: Callable[[str], Any], make_tenancy: MakeTenancy, fresh_blog: Urls
) -> None:
    await install_stand_in(fresh_blog.admin_url)
    tenancy = make_tenancy(
        fresh_blog, multitenancy={"strategy": "schema", "role_template": "tenant_{id}"}
    )
    with pytest.raises(SetupError, match="role_template"):
        await tenancy.start()


async def test_a_seal_would_be_seen_on_its_way(fresh_blog: Urls) -> None:
    await install_stand_in(fresh_blog.admin_url)
    engine = create_async_engine(asyncpg_url(fresh_blog.app_url))
    isolation = RowIsolation(engine, setting="app.tenant_seal", seal=str)
    try:
        with pytest.raises(SetupError, match='setting = "sealed"'):
            await isolation.start()
    finally:
        await isolation.stop()


# --- What is sent -----------------------------------------------------------------------------------


async def test_a_compiled_read_is_an_explicit_transaction(citus: Tenancy) -> None:
    await graphql(citus, ACME, "{ posts { title } }")  # the catalog is read
    connection = await driver(citus)
    async with sent(connection) as found:
        data = await graphql(citus, ACME, "{ posts(limit: 100) { title author { name } } }")
    assert {post["title"] for post in data["posts"]} == {p.title for p in blog_of(ACME).posts}
    begin, tenant, read, commit = found
    assert begin.startswith("BEGIN; SELECT set_config('application_name', ")
    assert PROPAGATE in begin
    # Alone: Citus passes on the whole text that it was sent.
    assert tenant == f"SET LOCAL app.tenant_id = '{ACME}'"
    assert read.count('"tenant_id" = $1::text::uuid') == 2
    assert "set_config" not in read
    assert commit.startswith("COMMIT;")


async def test_a_session_says_it_in_each_of_its_transactions(citus: Tenancy) -> None:
    connection = await driver(citus)
    async with sent(connection) as found:
        with statements(citus, "set_config(") as settings:
            async with citus.as_tenant(str(ACME)), citus.session() as session:
                for _ in range(2):
                    assert (await session.execute(STATE)).one() == (str(ACME), "local")
                    await session.commit()
    assert found.count(f"SET LOCAL app.tenant_id = '{ACME}'") == 2
    assert [PROPAGATE in sql for sql in settings] == [True, True]
    assert not any("'app.tenant_id'" in sql for sql in settings)
    state = await connection.fetchrow(STATE.text)
    assert not state["tenant"]
    assert not state["propagate"]


async def test_no_plan_is_kept_that_lacks_the_tenant(citus: Tenancy) -> None:
    connection = await driver(citus)
    assert await connection.fetchval("SHOW plan_cache_mode") == "auto"


async def test_a_failing_read_leaves_nothing(citus: Tenancy) -> None:
    class Failing:
        args = ()

        def sql(self, schema: str | None = None) -> str:
            return "SELECT to_json(1 / (length(current_setting('app.tenant_id')) - 36))"

    connection = await driver(citus)
    for _ in range(3):
        with pytest.raises(PostgresError, match="division by zero"):
            await citus.isolation.read(str(ACME), Failing())
        assert not connection.is_in_transaction()
        assert not await connection.fetchval("SELECT current_setting('app.tenant_id', true)")
        assert await driver(citus) is connection


async def test_a_cut_connection_is_replaced_and_the_read_goes_on(
    citus: Tenancy, fresh_blog: Urls
) -> None:
    await graphql(citus, ACME, "{ posts { title } }")
    connection = await driver(citus)
    admin = await asyncpg.connect(fresh_blog.admin_url)
    await admin.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
    await admin.close()
    assert (await graphql(citus, ACME, "{ posts { title } }"))["posts"]


async def test_a_cancelled_read_gives_its_connection_up(citus: Tenancy) -> None:
    class Slow:
        args = ()

        def sql(self, schema: str | None = None) -> str:
            return "SELECT to_json(pg_sleep(30)::text)"

    before = await driver(citus)
    async with citus.as_tenant(str(ACME)):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await citus.read(Slow())
    assert (await graphql(citus, GLOBEX, "{ users { name } }"))["users"]
    after = await driver(citus)
    assert after is not before
    assert not after.is_in_transaction()


# --- Views ------------------------------------------------------------------------------------------


async def test_a_view_that_hides_the_column_is_told_at_start_up(
    fresh_blog: Urls, make_tenancy: MakeTenancy, caplog: pytest.LogCaptureFixture
) -> None:
    await install_stand_in(fresh_blog.admin_url)
    admin = await asyncpg.connect(fresh_blog.admin_url)
    await admin.execute("""
        DROP VIEW app.v_user;
        CREATE VIEW app.v_between WITH (security_invoker = true) AS
          SELECT id, name AS called, email FROM app.tb_user;
        CREATE VIEW app.v_user WITH (security_invoker = true) AS
          SELECT id, called AS name, email FROM app.v_between;
        GRANT SELECT ON app.v_user, app.v_between TO app;
    """)
    await admin.close()
    async with make_tenancy(fresh_blog) as tenancy:
        with caplog.at_level(logging.WARNING):
            data = await graphql(tenancy, ACME, "{ users(limit: 100) { name } }")
        assert {user["name"] for user in data["users"]} == {u.name for u in blog_of(ACME).users}
    (told,) = [record.getMessage() for record in caplog.records if "Citus" in record.getMessage()]
    assert told.startswith('the view "v_user" reads tables that Citus distributes by "tenant_id"')
    assert "CREATE OR REPLACE VIEW v_user WITH (security_invoker = true) AS SELECT" in told


# --- The ORM ----------------------------------------------------------------------------------------


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "tb_user"

    tenant_id: Mapped[UUID]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]


class Post(Base):
    __tablename__ = "tb_post"

    tenant_id: Mapped[UUID]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    title: Mapped[str]
    author: Mapped[User] = relationship(
        primaryjoin="foreign(Post.user_id) == User.id", viewonly=True
    )
    comments: Mapped[list[Comment]] = relationship(
        primaryjoin="Post.id == foreign(Comment.post_id)", viewonly=True
    )


class Comment(Base):
    __tablename__ = "tb_comment"

    tenant_id: Mapped[UUID]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    post_id: Mapped[UUID]


class Listed(Base):
    """Not distributed, and what it calls tenant_id is another thing."""

    __tablename__ = "listed"
    __table_args__ = ({"schema": "fraiseql"},)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]


Alias = aliased(Post)
STATEMENTS: dict[str, tuple[Any, int]] = {
    "entities": (select(Post), 1),
    "columns": (select(Post.title), 1),
    "a join": (select(Post.title).join(User, User.id == Post.user_id), 2),
    "an alias": (select(Alias.title), 1),
    "a self-join": (select(Post.title, Alias.title).join(Alias, Alias.id == Post.id), 2),
    "a joined load": (select(Post).options(joinedload(Post.author)), 2),
    "a select-in load": (select(Post).options(selectinload(Post.comments)), 2),
    "a sub-query": (select(User.name).where(User.id.in_(select(Post.user_id))), 2),
    "an aggregate": (select(func.count()).select_from(Post), 1),
    "an update": (update(Post).values(title=Post.title), 1),
    "a delete": (delete(Comment).where(Comment.id == Comment.post_id), 1),
}


@contextmanager
def statements(tenancy: Tenancy, of: str = "tb_") -> Iterator[list[str]]:
    """What SQLAlchemy writes within the block, if `of` is in it."""
    engine: Any = tenancy.isolation.engine_for(str(ACME)).sync_engine  # type: ignore[attr-defined]
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if of in statement:
            found.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture(scope="module")
async def orm(make_template: Any, make_tenancy: MakeTenancy) -> AsyncIterator[Tenancy]:
    """A tenancy on what looks like Citus, whose blog the tests leave as it is."""
    urls = await clone(await make_template("row"), "blog_citus_orm")
    await install_stand_in(urls.admin_url)
    async with make_tenancy(urls) as tenancy:
        yield tenancy
    await drop(urls)


async def run(session: AsyncSession, statement: Any) -> None:
    result = await session.execute(statement)
    if statement.is_select:
        result.unique().all()


@pytest.mark.parametrize("kind", STATEMENTS)
async def test_each_table_of_an_orm_statement_names_the_tenant(orm: Tenancy, kind: str) -> None:
    statement, tables = STATEMENTS[kind]
    async with orm.as_tenant(str(ACME)), orm.session() as session:
        with statements(orm) as found:
            await run(session, statement)
        await session.rollback()
    assert sum(one.count("tenant_id = $") for one in found) == tables, found


async def test_what_is_found_is_the_tenants(orm: Tenancy) -> None:
    for tenant in (ACME, GLOBEX, ACME):
        blog = blog_of(tenant)
        names = {user.id: user.name for user in blog.users}
        async with orm.as_tenant(str(tenant)), orm.session() as session:
            posts = (
                await session.scalars(
                    select(Post).options(joinedload(Post.author), selectinload(Post.comments))
                )
            ).all()
            assert {(post.title, post.author.name) for post in posts} == {
                (post.title, names[post.user_id]) for post in blog.posts
            }
            assert sum(len(post.comments) for post in posts) == len(blog.comments)
            titles = set(await session.scalars(select(Alias.title)))
            assert titles == {post.title for post in blog.posts}


async def test_lazy_loads_and_look_ups_by_key_name_it_too(orm: Tenancy) -> None:
    async with orm.as_tenant(str(ACME)), orm.session() as session:
        post = (await session.scalars(select(Post).limit(1))).one()
        with statements(orm) as found:
            await session.run_sync(lambda _: post.author)
            await session.run_sync(lambda _: post.comments)
            assert await session.get(Comment, blog_of(ACME).comments[0].id) is not None
            assert await session.get(Comment, blog_of(GLOBEX).comments[0].id) is None
    assert len(found) >= 3
    assert {one.count("tenant_id = $") for one in found} == {1}, found


async def test_tables_that_are_not_distributed_are_left_alone(orm: Tenancy) -> None:
    async with orm.as_tenant(str(ACME)), orm.session() as session:
        with statements(orm):
            bound = session.sync_session
            query = select(Listed)
            found: list[Any] = []
            event.listen(bound, "do_orm_execute", lambda state: found.append(state.statement))
            with pytest.raises(Exception, match=r"fraiseql\.listed"):
                await session.execute(query)
    assert found
    assert "WHERE" not in str(found[0].compile())


async def test_elsewhere_nothing_is_added(tenancy: Tenancy) -> None:
    async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
        with statements(tenancy) as found:
            await session.execute(select(Post.title))
    assert "tenant_id" not in found[0]


# --- The tools --------------------------------------------------------------------------------------


async def test_prove_attacks_as_the_service_reads(citus: Tenancy, fresh_blog: Urls) -> None:
    connection = await asyncpg.connect(fresh_blog.app_url)
    async with sent(connection) as found:
        proof = await prove_database(citus.config, connection)
    await connection.close()
    assert {one.outcome for one in proof.attempts} >= {Outcome.CLOSED}
    assert Outcome.HOLE not in {one.outcome for one in proof.attempts}
    assert any(sql.startswith("SET LOCAL app.tenant_id = '") for sql in found)
    assert not any("set_config($1" in sql for sql in found)

"""A session is bound to its tenant in every transaction that it ever begins, and to no other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.engine import asyncpg_url
from fraiseql_strawberry.errors import AutocommitRefused, TenantSwitchRefused, Unauthorized
from fraiseql_strawberry.scope import current_scope
from tests.witness import Witness

pytestmark = pytest.mark.strategies()

TITLES = text("SELECT title FROM v_post")
INSERT = text(
    "INSERT INTO tb_post (id, user_id, title, content) VALUES (:id, :user_id, :title, 'x')"
)

BOTH = pytest.mark.parametrize("tenant", [ACME, GLOBEX], ids=["acme", "globex"])


def other(tenant: UUID) -> UUID:
    return GLOBEX if tenant == ACME else ACME


def own_titles(tenant: UUID) -> set[str]:
    return {post.title for post in blog_of(tenant).posts}


async def titles(session: AsyncSession) -> set[str]:
    return set((await session.scalars(TITLES)).all())


class Base(DeclarativeBase):
    pass


class Post(Base):
    """A mapped class whose primary key knows nothing of tenants, as applications have them."""

    __tablename__ = "tb_post"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    title: Mapped[str]
    content: Mapped[str]


# --- Binding ------------------------------------------------------------------------------------


async def commit(session: AsyncSession) -> None:
    await session.commit()


async def rollback(session: AsyncSession) -> None:
    await session.rollback()


async def savepoint_released(session: AsyncSession) -> None:
    async with session.begin_nested():
        await session.execute(text("SELECT 1"))


async def savepoint_rolled_back(session: AsyncSession) -> None:
    savepoint = await session.begin_nested()
    await session.execute(text("SELECT 1"))
    await savepoint.rollback()


async def savepoint_rolled_back_by_an_error(session: AsyncSession) -> None:
    with pytest.raises(DBAPIError):
        async with session.begin_nested():
            await session.execute(text("SELECT 1 / 0"))


async def failure_and_rollback(session: AsyncSession) -> None:
    with pytest.raises(DBAPIError):
        await session.execute(text("SELECT no_such_column"))
    await session.rollback()


async def close(session: AsyncSession) -> None:
    await session.close()


async def reset(session: AsyncSession) -> None:
    await session.reset()


async def cut(session: AsyncSession) -> None:
    await session.invalidate()


INTERRUPTIONS = [
    commit, rollback, savepoint_released, savepoint_rolled_back, savepoint_rolled_back_by_an_error,
    failure_and_rollback, close, reset, cut,
]  # fmt: skip


@BOTH
@pytest.mark.parametrize("interrupt", INTERRUPTIONS, ids=lambda function: function.__name__)
async def test_reads_stay_bound(
    tenancy: Tenancy, tenant: UUID, interrupt: Callable[[AsyncSession], Awaitable[None]]
) -> None:
    async with tenancy.as_tenant(str(tenant)), tenancy.session() as session:
        for _ in range(3):
            assert await titles(session) == own_titles(tenant)
            await interrupt(session)
        assert await titles(session) == own_titles(tenant)


@pytest.mark.strategies("row")
@BOTH
async def test_a_session_can_neither_read_nor_write_the_other_tenant(
    tenancy: Tenancy, tenant: UUID
) -> None:
    theirs = {"theirs": other(tenant)}
    async with tenancy.as_tenant(str(tenant)), tenancy.session() as session:
        for table in ("tb_post", "tb_user", "tb_comment", "v_post", "v_user", "v_comment"):
            count = text(f"SELECT count(*) FROM {table} WHERE tenant_id = :theirs")
            assert await session.scalar(count, theirs) == 0
        for write in (
            "UPDATE tb_post SET title = 'stolen' WHERE tenant_id = :theirs",
            "DELETE FROM tb_post WHERE tenant_id = :theirs",
        ):
            assert (await session.execute(text(write), theirs)).rowcount == 0
        for write in (
            "INSERT INTO tb_user (tenant_id, name, email) VALUES (:theirs, 'x', 'x')",
            "UPDATE tb_user SET tenant_id = :theirs",
        ):
            with pytest.raises(DBAPIError, match="row-level security"):
                async with session.begin_nested():
                    await session.execute(text(write), theirs)


async def test_tenants_take_turns_on_one_connection(
    blog: Urls, make_tenancy: Callable[..., Tenancy]
) -> None:
    async with make_tenancy(blog, database={"pool_size": 1}) as tenancy:
        for _ in range(3):
            for tenant in (ACME, GLOBEX):
                async with tenancy.as_tenant(str(tenant)), tenancy.session() as session:
                    assert await titles(session) == own_titles(tenant)


@pytest.mark.strategies("row")
async def test_ending_the_transaction_behind_the_sessions_back_shows_nothing(
    tenancy: Tenancy,
) -> None:
    async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
        await titles(session)
        await session.execute(text("COMMIT"))
        assert await titles(session) == set()
        await session.rollback()
        assert await titles(session) == own_titles(ACME)


# --- What is not bound ----------------------------------------------------------------------------


@pytest.mark.strategies("row")
async def test_an_unbound_engine_sees_nothing(tenancy: Tenancy) -> None:
    engine = tenancy.isolation.engine_for(str(ACME))
    for _ in range(2):  # a fresh connection, then one that has served a tenant
        async with engine.connect() as connection:
            assert (await connection.execute(TITLES)).all() == []
            with pytest.raises(DBAPIError):
                await connection.execute(
                    text("INSERT INTO tb_user (name, email) VALUES ('x', 'x')")
                )
        async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
            assert await titles(session)


async def test_without_a_tenant_there_is_no_session_and_no_connection(tenancy: Tenancy) -> None:
    with pytest.raises(Unauthorized, match="Missing tenant context"):
        async with tenancy.session():
            pass
    with pytest.raises(Unauthorized):
        async with tenancy.as_tenant("not-a-tenant"):
            pass
    with pytest.raises(Unauthorized):
        async with tenancy.as_tenant(str(UUID(int=0))):
            pass


@pytest.fixture
async def autocommit_engine(blog: Urls) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(asyncpg_url(blog.app_url), isolation_level="AUTOCOMMIT")
    yield engine
    await engine.dispose()


@pytest.mark.strategies("row", "schema")
async def test_an_autocommit_engine_is_refused(
    blog: Urls, make_tenancy: Callable[..., Tenancy], autocommit_engine: AsyncEngine
) -> None:
    async with make_tenancy(blog, options={"engine": autocommit_engine}) as tenancy:
        async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
            with pytest.raises(AutocommitRefused, match="AUTOCOMMIT"):
                await titles(session)
            with pytest.raises(InvalidRequestError):  # it must not go on unbound
                await titles(session)
            await session.rollback()
        assert autocommit_engine.pool.checkedout() == 0  # type: ignore[attr-defined]


async def test_autocommit_for_one_transaction_is_refused(tenancy: Tenancy) -> None:
    options = {"isolation_level": "AUTOCOMMIT"}
    with pytest.raises(AutocommitRefused, match="admin_db"):
        async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
            await session.connection(execution_options=options)
    async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
        connection = await session.connection()
        with pytest.raises(InvalidRequestError):  # SQLAlchemy's own refusal, once begun
            await connection.execution_options(**options)
        assert await titles(session) == own_titles(ACME)


# --- One session, one tenant ------------------------------------------------------------------------


async def test_the_tenant_of_a_scope_never_changes(tenancy: Tenancy) -> None:
    async with tenancy.as_tenant(str(ACME)) as scope:
        scope.bind(str(ACME), "code")  # repeating it is harmless
        with pytest.raises(TenantSwitchRefused):
            scope.bind(str(GLOBEX), "code")
        assert scope.tenant_id == str(ACME)
        with pytest.raises(AttributeError):
            scope.tenant_id = str(GLOBEX)  # type: ignore[misc]


async def test_a_session_is_refused_as_another_tenant(tenancy: Tenancy) -> None:
    async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
        assert await titles(session) == own_titles(ACME)
        async with tenancy.as_tenant(str(GLOBEX)):
            with pytest.raises(TenantSwitchRefused, match="another tenant"):
                await titles(session)
        assert await titles(session) == own_titles(ACME)


async def test_a_request_cannot_become_another_tenant(tenancy: Tenancy) -> None:
    async with tenancy.as_tenant(str(ACME)) as scope:
        scope.source = "claim"  # as in a request
        with pytest.raises(TenantSwitchRefused, match="another tenant"):
            async with tenancy.as_tenant(str(GLOBEX)):
                pass
        async with tenancy.as_tenant(str(ACME)):
            assert current_scope().tenant_id == str(ACME)


async def test_a_session_ends_with_its_block(tenancy: Tenancy) -> None:
    async with tenancy.as_tenant(str(ACME)):
        async with tenancy.session() as session:
            await titles(session)
        with pytest.raises(TenantSwitchRefused, match="has ended"):
            await titles(session)
        session.add(Post(id=uuid4(), user_id=uuid4(), title="x", content="x"))
        with pytest.raises(TenantSwitchRefused, match="has ended"):
            await session.commit()
        await session.rollback()


async def test_the_same_key_is_another_object_in_each_tenant(
    fresh_blog: Urls, make_tenancy: Callable[..., Tenancy]
) -> None:
    shared = uuid4()
    async with make_tenancy(fresh_blog) as tenancy:
        for tenant in (ACME, GLOBEX):
            async with tenancy.as_tenant(str(tenant)), tenancy.session() as session:
                user_id = blog_of(tenant).users[0].id
                session.add(Post(id=shared, user_id=user_id, title=f"{tenant}", content="x"))
        for tenant in (ACME, GLOBEX, ACME):
            async with tenancy.as_tenant(str(tenant)), tenancy.session() as session:
                found = await session.get_one(Post, shared)
                assert found.title == str(tenant)


# --- The end of the block ---------------------------------------------------------------------------


async def stored(urls: Urls, make_tenancy: Callable[..., Tenancy], post_id: UUID) -> bool:
    """Whether a connection of its own sees the row."""
    async with make_tenancy(urls) as witness, witness.as_tenant(str(ACME)):
        async with witness.session() as session:
            return await session.get(Post, post_id) is not None


@pytest.mark.parametrize("failing", [False, True])
async def test_the_block_commits_or_rolls_back(
    fresh_blog: Urls, make_tenancy: Callable[..., Tenancy], failing: bool
) -> None:
    values = {"id": uuid4(), "user_id": blog_of(ACME).users[0].id, "title": "new"}
    async with make_tenancy(fresh_blog) as tenancy, tenancy.as_tenant(str(ACME)):
        try:
            async with tenancy.session() as session:
                await session.execute(INSERT, values)
                if failing:
                    raise LookupError("the body failed")
        except LookupError:
            assert failing
        assert await stored(fresh_blog, make_tenancy, values["id"]) is not failing


async def test_a_failing_commit_is_the_blocks_error(
    fresh_blog: Urls, make_tenancy: Callable[..., Tenancy], fresh_witness: Witness
) -> None:
    await fresh_witness.defer_checks()
    values = {"id": uuid4(), "user_id": uuid4(), "title": "by nobody"}
    async with make_tenancy(fresh_blog) as tenancy, tenancy.as_tenant(str(ACME)):
        with pytest.raises(DBAPIError, match="foreign key"):
            async with tenancy.session() as session:
                await session.execute(INSERT, values)
        assert not await stored(fresh_blog, make_tenancy, values["id"])
        async with tenancy.session() as session:
            assert await titles(session) == own_titles(ACME)


# --- The application's own session class ----------------------------------------------------------


class OwnSyncSession(Session):
    def greet(self) -> str:
        return "hello"


class OwnSession(AsyncSession):
    sync_session_class = OwnSyncSession

    async def count_posts(self) -> int | None:
        return await self.scalar(text("SELECT count(*) FROM v_post"))


@BOTH
async def test_the_applications_own_session_class(
    blog: Urls, make_tenancy: Callable[..., Tenancy], tenant: UUID
) -> None:
    async with make_tenancy(blog, options={"session_class": OwnSession}) as tenancy:
        async with tenancy.as_tenant(str(tenant)), tenancy.session() as session:
            assert isinstance(session, OwnSession)
            assert isinstance(session.sync_session, OwnSyncSession)
            assert session.sync_session.greet() == "hello"
            assert await session.count_posts() == len(own_titles(tenant))
            await session.commit()
            assert await session.count_posts() == len(own_titles(tenant))


# --- Errors -----------------------------------------------------------------------------------------


async def test_an_error_of_the_database_shows_no_row(tenancy: Tenancy) -> None:
    """It ends in logs and in reports of errors, and so would what was bound to the statement."""
    fails = text("SELECT 1 / (length(CAST(:row AS text)) - 9)")
    with pytest.raises(DBAPIError) as raised:
        async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
            await session.execute(fails, {"row": "watermark"})
    assert "watermark" not in str(raised.value)

"""`SyncTenantSession`: sync code in a worker thread, over the loop's connection, blocking nobody."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from anyio.to_thread import run_sync
from sqlalchemy import Connection, ForeignKeyConstraint, inspect, select, text
from sqlalchemy.exc import DBAPIError, MissingGreenlet
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.errors import NestedAcquisition, TenantSwitchRefused
from tests.witness import Witness

pytestmark = pytest.mark.strategies()

T = TypeVar("T")
BOTH = pytest.mark.parametrize("tenant", [ACME, GLOBEX], ids=["acme", "globex"])


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "tb_user"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]


class Post(Base):
    __tablename__ = "tb_post"
    __table_args__ = (ForeignKeyConstraint(["user_id"], ["tb_user.id"]),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    title: Mapped[str]
    content: Mapped[str]
    author: Mapped[User] = relationship()


def own_titles(tenant: UUID) -> set[str]:
    return {post.title for post in blog_of(tenant).posts}


def titles(session: Session) -> set[str]:
    return set(session.scalars(text("SELECT title FROM v_post")).all())


async def in_thread(tenancy: Tenancy, tenant: UUID, body: Callable[[Session], T]) -> T:
    """What a sync resolver or a sync route does."""
    async with tenancy.as_tenant(str(tenant)), tenancy.session() as session:
        return await run_sync(body, session.sync_session)


# --- Everything that a sync body does with a session ------------------------------------------------


def commit(session: Session) -> None:
    session.commit()


def rollback(session: Session) -> None:
    session.rollback()


def close(session: Session) -> None:
    session.close()


def savepoint_released(session: Session) -> None:
    with session.begin_nested():
        session.execute(text("SELECT 1"))


def savepoint_rolled_back(session: Session) -> None:
    savepoint = session.begin_nested()
    session.execute(text("SELECT 1"))
    savepoint.rollback()


def savepoint_rolled_back_by_an_error(session: Session) -> None:
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text("SELECT 1 / 0"))


def transaction_block(session: Session) -> None:
    session.rollback()
    with session.begin():
        assert session.scalar(text("SELECT 1")) == 1


INTERRUPTIONS = [
    commit, rollback, close, savepoint_released, savepoint_rolled_back,
    savepoint_rolled_back_by_an_error, transaction_block,
]  # fmt: skip


@BOTH
@pytest.mark.parametrize("interrupt", INTERRUPTIONS, ids=lambda function: function.__name__)
async def test_reads_stay_bound(
    tenancy: Tenancy,
    tenant: UUID,
    interrupt: Callable[[Session], None],
    assert_clean: Callable[[Tenancy], Awaitable[None]],
) -> None:
    def body(session: Session) -> None:
        for _ in range(2):
            assert titles(session) == own_titles(tenant)
            interrupt(session)
        assert titles(session) == own_titles(tenant)

    await in_thread(tenancy, tenant, body)
    await assert_clean(tenancy)


@BOTH
async def test_mapped_objects(tenancy: Tenancy, tenant: UUID) -> None:
    def body(session: Session) -> None:
        author = session.scalars(select(User).limit(1)).one()
        added = Post(id=uuid4(), user_id=author.id, title="new", content="x")
        session.add(added)
        session.flush()
        session.refresh(added)
        assert added.author is author
        session.expire(added)
        assert added.title == "new"  # loads again
        session.expunge_all()
        found = session.get_one(Post, added.id)
        assert found.author.name == author.name  # a lazy load
        session.delete(found)
        session.flush()
        assert session.get(Post, added.id) is None
        assert session.query(Post).count() == len(own_titles(tenant))

    await in_thread(tenancy, tenant, body)


@BOTH
async def test_the_connection_of_a_session(tenancy: Tenancy, tenant: UUID) -> None:
    titles_of = select(Post.title)
    update = text("UPDATE tb_post SET title = title || '!'")

    def body(session: Session) -> None:
        connection = session.connection()
        assert isinstance(connection, Connection)
        assert set(connection.scalars(titles_of)) == own_titles(tenant)
        assert {row.title for row in connection.execute(titles_of)} == own_titles(tenant)
        assert connection.scalar(text("SELECT count(*) FROM v_post")) == len(own_titles(tenant))
        assert connection.exec_driver_sql("SELECT $1::int", (7,)).scalar() == 7
        assert "title" in [c["name"] for c in inspect(connection).get_columns("tb_post")]
        with connection.begin_nested() as savepoint:
            connection.execute(update)
            assert titles(session) != own_titles(tenant)  # one transaction, seen from both
            savepoint.rollback()
        with pytest.raises(DBAPIError), connection.begin_nested():
            connection.execute(text("SELECT 1 / 0"))
        assert titles(session) == own_titles(tenant)
        assert session.connection() is connection
        session.commit()
        assert set(session.connection().scalars(titles_of)) == own_titles(tenant)

    await in_thread(tenancy, tenant, body)
    async with tenancy.as_tenant(str(tenant)), tenancy.session() as session:
        # What the loop was given first, as a route's session is, works in a thread and on the loop.
        on_the_loop = await session.connection()
        await run_sync(body, session.sync_session)
        on_the_loop = await session.connection()
        assert set(await on_the_loop.scalars(titles_of)) == own_titles(tenant)


@pytest.mark.parametrize("failing", [False, True])
async def test_the_end_of_the_body_commits_or_rolls_back(
    fresh_blog: Urls, make_tenancy: Callable[..., Tenancy], failing: bool
) -> None:
    def body(session: Session) -> None:
        session.execute(text("DELETE FROM tb_comment"))
        if failing:
            raise LookupError("the body failed")

    def count(session: Session) -> int | None:
        return session.scalar(text("SELECT count(*) FROM v_comment"))

    async with make_tenancy(fresh_blog) as tenancy:
        try:
            await in_thread(tenancy, ACME, body)
        except LookupError:
            assert failing
        assert bool(await in_thread(tenancy, ACME, count)) is failing
        assert await in_thread(tenancy, GLOBEX, count)


async def test_a_body_that_outlives_the_block_is_refused(tenancy: Tenancy) -> None:
    async with tenancy.as_tenant(str(ACME)):
        async with tenancy.session() as session:
            kept = session.sync_session
        with pytest.raises(TenantSwitchRefused, match="has ended"):
            await run_sync(titles, kept)


async def test_a_nested_session_is_refused(tenancy: Tenancy) -> None:
    async with tenancy.as_tenant(str(ACME)), tenancy.session() as outer:
        await run_sync(titles, outer.sync_session)
        async with tenancy.session() as inner:
            with pytest.raises(NestedAcquisition):
                await run_sync(titles, inner.sync_session)


# --- Threads and the loop ---------------------------------------------------------------------------


async def test_the_loop_is_never_blocked(tenancy: Tenancy, witness: Witness) -> None:
    lock = "SELECT pg_advisory_xact_lock(1)"
    superuser = await witness.of(ACME)
    await superuser.execute("BEGIN")
    await superuser.execute(lock)
    waiting = asyncio.create_task(
        in_thread(tenancy, ACME, lambda session: session.execute(text(lock)).scalar())
    )
    is_waiting = (
        "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database "
        "WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
    )
    async with asyncio.timeout(10):
        while not await superuser.fetchval(is_waiting):
            await asyncio.sleep(0.005)
        assert await in_thread(tenancy, GLOBEX, titles) == own_titles(GLOBEX)
        assert not waiting.done()
        await superuser.execute("ROLLBACK")
        await waiting


async def test_many_threads_at_once(tenancy: Tenancy) -> None:
    def body(session: Session) -> set[str]:
        seen = titles(session)
        session.commit()  # gives the connection to a thread that waits
        session.execute(text("SELECT pg_sleep(0.001)"))
        session.rollback()
        return seen | titles(session)

    tenants = [ACME, GLOBEX] * 20
    async with asyncio.timeout(20):
        seen = await asyncio.gather(*(in_thread(tenancy, tenant, body) for tenant in tenants))
    for tenant, found in zip(tenants, seen, strict=True):
        assert found == own_titles(tenant)


async def test_a_commit_in_a_thread_wakes_who_waits_for_the_connection(
    blog: Urls, make_tenancy: Callable[..., Tenancy]
) -> None:
    """The pool and the permits are the loop's: touched in a thread, the loop would not wake up."""
    loop = asyncio.get_running_loop()
    debug = loop.get_debug()
    async with make_tenancy(blog, database={"pool_size": 1}) as tenancy:
        taken, served = threading.Event(), threading.Event()

        async def waiting() -> None:
            while not taken.is_set():
                await asyncio.sleep(0.001)
            await in_thread(tenancy, GLOBEX, titles)
            served.set()

        def body(session: Session) -> bool:
            titles(session)
            taken.set()
            time.sleep(0.1)
            session.commit()
            return served.wait(timeout=5)

        loop.set_debug(True)  # asyncio then checks that its objects are not used in another thread
        try:
            task = asyncio.create_task(waiting())
            assert await in_thread(tenancy, ACME, body)
            await task
        finally:
            loop.set_debug(debug)


@pytest.mark.usefixtures("alarm")
async def test_on_the_loops_own_thread_it_fails_at_once(tenancy: Tenancy) -> None:
    """Waiting there for the loop would be for ever."""
    async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
        async with asyncio.timeout(5):
            with pytest.raises(MissingGreenlet):
                session.sync_session.execute(text("SELECT 1"))
            await session.rollback()
            post = (await session.scalars(select(Post).limit(1))).one()
            with pytest.raises(MissingGreenlet):
                _ = post.author

"""What a request may hold, and in what state a connection goes back to the pool."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.errors import NestedAcquisition, ServiceUnavailable, TenantBusy
from tests.witness import Witness

pytestmark = pytest.mark.strategies()

# They share one pool; tests/isolation/test_database_isolation.py is about pools of tenants' own.
ONE_POOL = pytest.mark.strategies("row", "schema")

ONE = text("SELECT 1")
NAP = text("SELECT pg_sleep(0.01)")
TITLES = text("SELECT title FROM v_post")

MakeTenancy = Callable[..., Tenancy]
AssertClean = Callable[[Tenancy], Awaitable[None]]


class Titles(NamedTuple):
    """A read as the compiler makes them, by hand."""

    args: Sequence[Any] = ()

    def sql(self, schema: str | None = None) -> str:
        source = f'"{schema}".v_post' if schema else "v_post"
        return f"SELECT json_agg(title ORDER BY title) FROM {source}"


def engine_of(tenancy: Tenancy) -> AsyncEngine:
    return tenancy.isolation.engine_for(str(ACME))


@asynccontextmanager
async def session_of(tenancy: Tenancy, tenant: UUID) -> AsyncIterator[AsyncSession]:
    async with tenancy.as_tenant(str(tenant)), tenancy.session() as session:
        yield session


class Busy:
    """How many connections of an engine are checked out, and were at most."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.now = self.most = self.total = 0
        event.listen(engine.sync_engine, "checkout", self._out)
        event.listen(engine.sync_engine, "checkin", self._in)

    def _out(self, *_: object) -> None:
        self.now += 1
        self.total += 1
        self.most = max(self.most, self.now)

    def _in(self, *_: object) -> None:
        self.now -= 1


# --- Cancelled reads ----------------------------------------------------------------------------------


class LongNap(NamedTuple):
    """A read that takes a second."""

    args: Sequence[Any] = ()

    def sql(self, schema: str | None = None) -> str:
        return "SELECT to_json(pg_backend_pid()) FROM pg_sleep(1)"


@ONE_POOL
async def test_a_connection_whose_read_was_cancelled_is_not_used_again(
    blog: Urls, make_tenancy: MakeTenancy, witness: Witness
) -> None:
    """The cancel request is on its way, and might end the next statement instead."""
    async with make_tenancy(blog, database={"pool_size": 1}) as tenancy:
        async with tenancy.as_tenant(str(ACME)):
            await tenancy.read(Titles())
            before = {pid for pid, *_ in await witness.activity("state")}
            nap = asyncio.create_task(tenancy.read(LongNap()))
            await asyncio.sleep(0.1)
            nap.cancel()
            await asyncio.gather(nap, return_exceptions=True)
            await tenancy.read(Titles())
            await asyncio.sleep(0.1)
            assert before.isdisjoint({pid for pid, *_ in await witness.activity("state")})


# --- Nested acquisition -----------------------------------------------------------------------------


async def in_a_session(tenancy: Tenancy) -> None:
    async with tenancy.session() as inner:
        await inner.execute(ONE)


async def in_a_child_task(tenancy: Tenancy) -> None:
    await asyncio.create_task(in_a_session(tenancy))


async def in_gathered_children(tenancy: Tenancy) -> None:
    await asyncio.gather(in_a_session(tenancy), in_a_session(tenancy))


async def in_a_compiled_read(tenancy: Tenancy) -> None:
    await tenancy.read(Titles())


async def as_the_same_tenant_again(tenancy: Tenancy) -> None:
    async with session_of(tenancy, ACME) as inner:
        await inner.execute(ONE)


async def as_another_tenant(tenancy: Tenancy) -> None:
    async with session_of(tenancy, GLOBEX) as inner:
        await inner.execute(ONE)


NESTED = [
    in_a_session, in_a_child_task, in_gathered_children, in_a_compiled_read,
    as_the_same_tenant_again, as_another_tenant,
]  # fmt: skip


@pytest.mark.parametrize("nested", NESTED, ids=lambda function: function.__name__)
async def test_a_second_connection_up_the_awaiting_chain_is_refused(
    tenancy: Tenancy, nested: Callable[[Tenancy], Awaitable[None]], assert_clean: AssertClean
) -> None:
    async def one() -> None:
        async with session_of(tenancy, ACME) as session:
            await session.execute(NAP)
            with pytest.raises(NestedAcquisition, match="use that session"):
                await nested(tenancy)
            assert await session.scalar(ONE) == 1

    async with asyncio.timeout(5):  # six of them on a pool of two would wait for each other
        await asyncio.gather(*(one() for _ in range(6)))
    await assert_clean(tenancy)


@ONE_POOL
async def test_opening_a_session_checks_nothing_out(tenancy: Tenancy) -> None:
    busy = Busy(engine_of(tenancy))
    async with session_of(tenancy, ACME):
        assert busy.now == 0
        await in_a_session(tenancy)  # nothing is held above it, so it is not nested
        assert await tenancy.read(Titles())
    assert busy.most == 1


async def test_a_session_that_has_committed_holds_nothing(tenancy: Tenancy) -> None:
    async with session_of(tenancy, ACME) as session:
        await session.execute(ONE)
        await session.commit()
        await in_a_session(tenancy)
        await session.execute(ONE)


async def test_a_task_that_outlives_the_block_is_not_nested(tenancy: Tenancy) -> None:
    async with tenancy.as_tenant(str(ACME)):
        ended = asyncio.Event()

        async def later() -> None:
            await ended.wait()
            await in_a_session(tenancy)

        async with tenancy.session() as session:
            await session.execute(ONE)
            task = asyncio.create_task(later())
        ended.set()
        await task


# --- Two connections per request --------------------------------------------------------------------


@ONE_POOL
@pytest.mark.parametrize("size", [2, 10])
async def test_fifty_siblings_hold_two_connections_and_others_progress(
    blog: Urls, make_tenancy: MakeTenancy, assert_clean: AssertClean, size: int
) -> None:
    async with make_tenancy(blog, database={"pool_size": size}) as tenancy:
        busy = Busy(engine_of(tenancy))

        async def sibling(number: int) -> None:
            if number % 2:
                assert await tenancy.read(Titles())
            async with tenancy.session() as session:
                await session.execute(NAP)

        async def crowd() -> None:
            async with tenancy.as_tenant(str(ACME)):
                await asyncio.gather(*(sibling(number) for number in range(50)))

        async with asyncio.timeout(10):
            await crowd()
            assert busy.most == 2
            crowded = asyncio.create_task(crowd())
            while busy.now < 2:
                await asyncio.sleep(0.001)
            for _ in range(3):  # another tenant need not wait for the crowd to end
                async with session_of(tenancy, GLOBEX) as session:
                    await session.execute(ONE)
            assert not crowded.done()
            await crowded
        assert busy.most <= 3
        await assert_clean(tenancy)


# --- What a connection says and keeps ---------------------------------------------------------------


@ONE_POOL
async def test_the_tenant_is_seen_in_pg_stat_activity_while_a_transaction_lasts(
    blog: Urls, make_tenancy: MakeTenancy, witness: Witness
) -> None:
    async def said() -> list[str]:
        return [name for _, name in await witness.activity("application_name")]

    async with make_tenancy(blog, database={"pool_size": 1}) as tenancy:
        for tenant in (ACME, GLOBEX):
            async with session_of(tenancy, tenant) as session:
                await session.execute(ONE)
                assert await said() == [f"t:{tenant}"]
                await session.commit()
                assert await said() == ["fraiseql"]
                await session.execute(ONE)
                assert await said() == [f"t:{tenant}"]
            assert await said() == ["fraiseql"]


async def use_a_savepoint(session: AsyncSession) -> None:
    async with session.begin_nested():
        await session.execute(ONE)


async def fail(session: AsyncSession) -> None:
    with pytest.raises(DBAPIError):
        await session.execute(text("SELECT 1 / 0"))
    await session.rollback()


async def lock_for_the_transaction(session: AsyncSession) -> None:
    await session.execute(text("SELECT pg_advisory_xact_lock(1)"))


async def open_a_cursor(session: AsyncSession) -> None:
    rows = await session.stream(TITLES.execution_options(yield_per=1))
    assert await rows.first()


async def try_a_temporary_table(session: AsyncSession) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        await session.execute(text("CREATE TEMP TABLE v_post (title text)"))
    await session.rollback()


USES = [
    use_a_savepoint, fail, lock_for_the_transaction, open_a_cursor, try_a_temporary_table,
]  # fmt: skip


@pytest.mark.parametrize("use", USES, ids=lambda function: function.__name__)
async def test_nothing_is_left_on_a_connection(
    tenancy: Tenancy, use: Callable[[AsyncSession], Awaitable[None]], assert_clean: AssertClean
) -> None:
    async with session_of(tenancy, ACME) as session:
        await session.execute(TITLES)
        await use(session)
        await session.execute(TITLES)
    await assert_clean(tenancy)


async def test_a_compiled_read_leaves_nothing(tenancy: Tenancy, assert_clean: AssertClean) -> None:
    async with tenancy.as_tenant(str(ACME)):
        await asyncio.gather(*(tenancy.read(Titles()) for _ in range(10)))
    await assert_clean(tenancy)


# --- Cancellation -----------------------------------------------------------------------------------


async def test_cancellation_anywhere_leaves_the_pool_whole(
    fresh_blog: Urls, make_tenancy: MakeTenancy, assert_clean: AssertClean
) -> None:
    own = {tenant: {post.title for post in blog_of(tenant).posts} for tenant in (ACME, GLOBEX)}
    dice = random.Random(2)
    acknowledged: dict[UUID, UUID] = {}

    async def request(tenancy: Tenancy, tenant: UUID) -> None:
        post_id = uuid4()
        insert = text(
            "INSERT INTO tb_post (id, user_id, title, content) VALUES (:id, :user, :title, 'x')"
        )
        values = {"id": post_id, "user": blog_of(tenant).users[0].id, "title": f"{tenant}"}
        async with tenancy.as_tenant(str(tenant)):
            async with tenancy.session() as session:
                seen = set((await session.scalars(TITLES)).all())
                assert seen - {f"{tenant}"} == own[tenant]
                await session.execute(insert, values)
            acknowledged[post_id] = tenant
            assert str(other(tenant)) not in (await tenancy.read(Titles()) or "")

    async with make_tenancy(fresh_blog) as tenancy, asyncio.timeout(30):
        await request(tenancy, ACME)
        clock = asyncio.get_running_loop()
        started = clock.time()
        await request(tenancy, ACME)
        took = clock.time() - started
        cancelled = 0
        while cancelled < 60 or len(acknowledged) < 30:
            tasks = [
                asyncio.create_task(request(tenancy, tenant))
                for tenant in (ACME, GLOBEX, ACME, GLOBEX)
            ]
            for task in dice.sample(tasks, 2):
                clock.call_later(dice.uniform(0, 4 * took), task.cancel)
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                assert outcome is None or isinstance(outcome, asyncio.CancelledError)
                cancelled += outcome is not None
        await assert_clean(tenancy)
        for tenant in (ACME, GLOBEX):
            async with session_of(tenancy, tenant) as session:
                ids = set((await session.scalars(text("SELECT id FROM v_post"))).all())
            assert {post for post, owner in acknowledged.items() if owner == tenant} <= ids


def other(tenant: UUID) -> UUID:
    return GLOBEX if tenant == ACME else ACME


class Nap(NamedTuple):
    """A read that takes a few milliseconds."""

    args: Sequence[Any] = ()

    def sql(self, schema: str | None = None) -> str:
        return "SELECT to_json(true) FROM pg_sleep(0.004)"


async def test_a_cancellation_never_reaches_the_next_statement(
    blog: Urls, make_tenancy: MakeTenancy
) -> None:
    """PostgreSQL's cancel request names a connection, not a statement, and may come late."""
    dice = random.Random(3)
    async with make_tenancy(blog, database={"pool_size": 1}) as tenancy:
        async with tenancy.as_tenant(str(ACME)), asyncio.timeout(30):
            for _ in range(50):
                task = asyncio.create_task(tenancy.read(Nap()))
                await asyncio.sleep(dice.uniform(0.004, 0.007))
                task.cancel()
                assert await tenancy.read(Nap()) == "true"
                await asyncio.gather(task, return_exceptions=True)


@pytest.mark.strategies("row")
async def test_a_crowd_of_one_tenants_reads_hands_its_connections_on(
    blog: Urls, make_tenancy: MakeTenancy, assert_clean: AssertClean
) -> None:
    budget = {"pool_size": 4, "max_overflow": 0, "tenant_limit": 2}
    async with make_tenancy(blog, database=budget) as tenancy:
        busy = Busy(engine_of(tenancy))

        async def another() -> None:
            async with tenancy.as_tenant(str(ACME)):
                assert await tenancy.read(Titles())

        crowd = [asyncio.create_task(another(), context=contextvars.Context()) for _ in range(90)]
        await asyncio.gather(*crowd)
        assert busy.most == 2
        assert busy.total <= 2 * 2  # and not one each: a connection changes hands 50 times
        await assert_clean(tenancy)


# --- Troubles ---------------------------------------------------------------------------------------


@ONE_POOL
async def test_no_connection_within_the_budget(blog: Urls, make_tenancy: MakeTenancy) -> None:
    budget = {"pool_size": 1, "pool_timeout": 0.1}
    async with make_tenancy(blog, database=budget) as tenancy, session_of(tenancy, ACME) as held:
        await held.execute(ONE)

        async def another(work: Callable[[Tenancy], Awaitable[None]]) -> None:
            async with tenancy.as_tenant(str(GLOBEX)):
                await work(tenancy)

        for work in (in_a_session, in_a_compiled_read):
            with pytest.raises(TenantBusy) as refused:
                # A task of its own, started outside of the session's block: not nested.
                await asyncio.create_task(another(work), context=contextvars.Context())
            assert refused.value.headers == {"Retry-After": "1"}


async def test_a_statement_that_takes_too_long(
    blog: Urls, make_tenancy: MakeTenancy, assert_clean: AssertClean
) -> None:
    async with make_tenancy(blog, database={"statement_timeout": "50ms"}) as tenancy:
        with pytest.raises(TenantBusy):
            async with session_of(tenancy, ACME) as session:
                await session.execute(text("SELECT pg_sleep(5)"))
        await assert_clean(tenancy)


@pytest.mark.parametrize("work", [in_a_session, in_a_compiled_read])
async def test_cut_connections_are_replaced(
    tenancy: Tenancy,
    witness: Witness,
    work: Callable[[Tenancy], Awaitable[None]],
    assert_clean: AssertClean,
) -> None:
    async with tenancy.as_tenant(str(ACME)):
        await asyncio.gather(work(tenancy), work(tenancy))
        await witness.activity("pg_terminate_backend(pid)")
        failures = 0
        for _ in range(4):
            try:
                await work(tenancy)
            except ServiceUnavailable:
                failures += 1
        # Reads are tried again, once; writes never. None fails where the pool saw the cut first.
        assert failures <= (work is in_a_session)
    await assert_clean(tenancy)

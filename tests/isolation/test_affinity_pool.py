"""One connection for each slot of a pool, and no slot is lost, whatever happens to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util.concurrency import greenlet_spawn

from fraiseql_strawberry.isolation.affinity import AffinityPool, wanted

MakeEngine = Callable[..., AbstractAsyncContextManager[AsyncEngine]]


@pytest.fixture
def make_engine(admin_url: str) -> MakeEngine:
    url = admin_url.replace("postgresql://", "postgresql+asyncpg://", 1)

    @asynccontextmanager
    async def make(overflow: int = 0) -> Any:
        engine = create_async_engine(
            url, pool_size=2, max_overflow=overflow, pool_timeout=2, poolclass=AffinityPool
        )
        yield engine
        await engine.dispose()

    return make


async def take(engine: AsyncEngine, slot: int | None = None) -> Any:
    """Check a connection out, for a slot or for nobody."""
    if slot is None:
        return await greenlet_spawn(engine.pool.connect)
    with wanted(slot):
        return await greenlet_spawn(engine.pool.connect)


async def give_back(*taken: Any) -> list[int]:
    """Give connections back, in that order, and say which they were."""
    pids = [each.driver_connection.get_server_pid() for each in taken]
    for each in taken:
        await greenlet_spawn(each.close)
    return pids


async def pid(engine: AsyncEngine, slot: int | None = None) -> int:
    return (await give_back(await take(engine, slot)))[0]


async def test_a_slot_has_one_connection(make_engine: MakeEngine) -> None:
    async with make_engine() as engine:
        assert len({await pid(engine, 0) for _ in range(3)}) == 1
        first, second = await give_back(await take(engine, 0), await take(engine, 1))
        assert first != second
        for _ in range(2):  # not the one that was used last
            assert await pid(engine, 0) == first
            assert await pid(engine, 1) == second


async def test_a_wish_ends_with_its_block(make_engine: MakeEngine) -> None:
    async with make_engine() as engine:
        _, latest = await give_back(await take(engine, 0), await take(engine, 1))
        with wanted(0):
            pass
        assert await pid(engine) == latest


async def test_no_connection_is_made_for_a_slot_where_the_pool_is_full(
    make_engine: MakeEngine,
) -> None:
    async with make_engine(overflow=2) as engine:
        nobodys = await take(engine)
        idle = await pid(engine, 0)
        assert await pid(engine, 1) == idle
        assert engine.pool.overflow() == 0  # type: ignore[attr-defined]
        await give_back(nobodys)


async def test_a_connection_that_cannot_be_made_leaves_its_slot_free(
    make_engine: MakeEngine,
) -> None:
    def astray(dialect: object, record: object, args: object, options: dict[str, Any]) -> None:
        options["port"] = 1  # where nobody listens

    async with make_engine() as engine:
        event.listen(engine.sync_engine, "do_connect", astray)
        for slot in (0, 1, 0, 1, 0):  # and the pool is not full of what is not there
            with pytest.raises(ConnectionRefusedError):
                await take(engine, slot)
        event.remove(engine.sync_engine, "do_connect", astray)
        first = await pid(engine, 0)
        second = await pid(engine, 1)
        assert first != second
        assert await pid(engine, 0) == first


async def test_the_slot_of_a_connection_that_is_closed_for_good_is_free(
    make_engine: MakeEngine,
) -> None:
    async with make_engine(overflow=1) as engine:
        first, second = await take(engine, 0), await take(engine, 1)
        beyond = await take(engine)
        kept, other, closed = await give_back(beyond, second, first)
        assert await pid(engine, 0) == kept  # though the other one was used last
        assert await pid(engine, 1) == other
        assert closed not in (kept, other)

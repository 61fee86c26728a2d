"""Lines in front of slots: whose turn it is, and that no turn and no slot is ever lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

from fraiseql_strawberry.isolation import affinity, slotted
from fraiseql_strawberry.isolation.affinity import AffinityPool, slots_of
from fraiseql_strawberry.isolation.reading import HANDOVERS, Held
from fraiseql_strawberry.isolation.slotted import SlottedReads

MakeReads = Callable[[int], SlottedReads]


@pytest.fixture
async def make_reads(admin_url: str) -> AsyncIterator[MakeReads]:
    """`make_reads(2)`: reads over a pool of two."""
    url = admin_url.replace("postgresql://", "postgresql+asyncpg://", 1)
    async with AsyncExitStack() as stack:

        def make(size: int) -> SlottedReads:
            engine = create_async_engine(
                url, pool_size=size, max_overflow=0, pool_timeout=30, poolclass=AffinityPool
            )
            stack.push_async_callback(engine.dispose)
            return SlottedReads(engine, timeout=10)

        yield make


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads stay in their lines."""
    monkeypatch.setattr(slotted, "_PATIENCE", 60)


def schema_of(*slots: int, pool: int = 2) -> str:
    """A schema that has these slots."""
    return next(name for name in map(str, range(1000)) if slots_of(name, pool) == slots)


async def wait(reads: SlottedReads, schema: str) -> asyncio.Task[Held]:
    """A read that waits for its turn now."""
    task = asyncio.create_task(reads.acquire(schema))
    await asyncio.sleep(0)
    assert not task.done()
    return task


def nothing_is_taken(reads: SlottedReads) -> bool:
    pool: Any = reads._engine.pool
    return not any(reads._busy) and pool.checkedout() == 0


@pytest.mark.usefixtures("patient")
async def test_a_read_waits_in_the_shorter_of_its_lines(make_reads: MakeReads) -> None:
    reads = make_reads(2)
    schema = schema_of(0, 1)
    held = [await reads.acquire(schema) for _ in range(2)]
    assert [each.slot for each in held] == [0, 1]
    first = await wait(reads, schema_of(0, 0))
    second = await wait(reads, schema)
    reads.release(held[1])
    reads.release(await second)
    assert not first.done()
    reads.release(held[0])
    reads.release(await first)
    assert nothing_is_taken(reads)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("lost", [False, True], ids=["a connection", "a place"])
async def test_the_turn_of_a_read_that_is_cancelled_in_that_moment_goes_on(
    make_reads: MakeReads, lost: bool
) -> None:
    reads = make_reads(1)
    held = await reads.acquire("any")
    first, second = await wait(reads, "any"), await wait(reads, "any")
    if lost:
        held.fairy.close()
        reads.lost(held)
    else:
        reads.release(held)
    first.cancel()  # its turn has come, and it has not woken yet
    with pytest.raises(asyncio.CancelledError):
        await first
    reads.release(await second)
    assert nothing_is_taken(reads)


@pytest.mark.usefixtures("patient")
async def test_a_read_that_is_gone_has_no_turn(make_reads: MakeReads) -> None:
    reads = make_reads(1)
    held = await reads.acquire("any")
    first, second = await wait(reads, "any"), await wait(reads, "any")
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    reads.release(held)
    reads.release(await second)
    assert nothing_is_taken(reads)


@pytest.mark.usefixtures("patient")
async def test_a_read_that_loses_patience_as_its_turn_comes_takes_one_slot(
    make_reads: MakeReads,
) -> None:
    reads = make_reads(2)
    held = await reads.acquire(schema_of(0, 0))
    waiting = await wait(reads, schema_of(0, 0))
    [turn] = reads._lines[0]
    reads.release(held)
    reads._lose_patience(turn)  # the alarm was due in the same round of the loop
    reads.release(await waiting)
    assert nothing_is_taken(reads)


@pytest.mark.usefixtures("patient")
async def test_the_impatient_are_served_before_a_line_that_never_ends(
    make_reads: MakeReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, served = make_reads(2), list[str]()

    async def ask(schema: str) -> None:
        await reads.fetchval("SELECT 1", (), schema)
        served.append(schema)

    own, late = schema_of(0, 0), schema_of(1, 1)
    held, blocked = await reads.acquire(own), await reads.acquire(late)
    tasks = [asyncio.create_task(ask(own)) for _ in range(60)]
    await asyncio.sleep(0)
    monkeypatch.setattr(slotted, "_PATIENCE", 0)
    tasks.append(asyncio.create_task(ask(late)))
    while not reads._impatient:
        await asyncio.sleep(0.001)
    reads.release(held)
    await asyncio.gather(*tasks)
    assert served.index(late) < 20
    reads.release(blocked)


@pytest.mark.usefixtures("patient")
async def test_a_session_has_its_turn_before_a_line_that_never_ends(make_reads: MakeReads) -> None:
    reads, served = make_reads(1), list[int]()

    async def ask() -> None:
        served.append(await reads.fetchval("SELECT 1", (), "any"))

    async def use() -> int:
        async with reads._engine.connect():
            return len(served)

    held = await reads.acquire("any")
    tasks = [asyncio.create_task(ask()) for _ in range(3 * HANDOVERS)]
    session = asyncio.create_task(use())
    pool: Any = reads._engine.pool
    while not pool._pool._queue._getters:  # it waits for the pool
        await asyncio.sleep(0)
    reads.release(held)
    assert await session <= HANDOVERS + 1
    await asyncio.gather(*tasks)
    assert nothing_is_taken(reads)


@pytest.mark.usefixtures("patient")
async def test_schemas_of_reads_that_a_connection_is_handed_to_are_counted(
    make_reads: MakeReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(affinity, "MAX_SCHEMAS", 5)
    reads = make_reads(1)
    held = await reads.acquire("s0")
    before = held.driver.get_server_pid()
    tasks = [
        asyncio.create_task(reads.fetchval("SELECT pg_backend_pid()", (), f"s{number}"))
        for number in range(1, 7)
    ]
    await asyncio.sleep(0)
    reads.release(held)
    assert set(await asyncio.gather(*tasks)) == {before}
    assert await reads.fetchval("SELECT pg_backend_pid()", (), "s7") != before


async def test_a_slot_whose_connection_cannot_be_made_is_free(make_reads: MakeReads) -> None:
    def astray(dialect: object, record: object, args: object, options: dict[str, Any]) -> None:
        options["port"] = 1  # where nobody listens

    reads = make_reads(1)
    event.listen(reads._engine.sync_engine, "do_connect", astray)
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            await reads.acquire("any")
    event.remove(reads._engine.sync_engine, "do_connect", astray)
    reads.release(await reads.acquire("any"))
    assert nothing_is_taken(reads)

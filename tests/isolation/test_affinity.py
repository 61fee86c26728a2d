"""Connections that know a schema, and reads that find them."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from fraiseql_strawberry.errors import TenantBusy
from fraiseql_strawberry.isolation import affinity, slotted
from fraiseql_strawberry.isolation.affinity import AffinityPool, home_of, slots_of
from fraiseql_strawberry.isolation.slotted import SlottedReads

POOL = 4
WHO = "SELECT pg_backend_pid() + 0 * length('{schema}')"


@pytest.fixture
async def engine(admin_url: str) -> AsyncIterator[AsyncEngine]:
    url = admin_url.replace("postgresql://", "postgresql+asyncpg://", 1)
    made = create_async_engine(
        url, pool_size=POOL, max_overflow=0, pool_timeout=5, poolclass=AffinityPool
    )
    yield made
    await made.dispose()


async def pid(reads: SlottedReads, schema: str) -> int:
    return await reads.fetchval(WHO.format(schema=schema), (), schema)


async def spread(reads: SlottedReads, schemas: list[str], times: int) -> dict[str, set[int]]:
    """Which back-ends served which schema."""
    found: dict[str, set[int]] = {schema: set() for schema in schemas}

    async def ask(schema: str) -> None:
        found[schema].add(await pid(reads, schema))

    chosen = random.Random(1).choices(schemas, k=times)
    for start in range(0, times, 16):
        await asyncio.gather(*map(ask, chosen[start : start + 16]))
    return found


async def test_a_schema_is_served_by_two_connections_at_the_most(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slotted, "_PATIENCE", 60)  # this machine may be slow
    reads = SlottedReads(engine, timeout=30)
    found = await spread(reads, [f"s{n}" for n in range(40)], 2000)
    assert len(set().union(*found.values())) == POOL  # all of them have work
    assert max(map(len, found.values())) == 2


async def test_a_connection_made_for_nobody_is_given_a_slot(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        first = (await connection.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()
    reads = SlottedReads(engine, timeout=5)
    assert await pid(reads, "any") == first


async def test_lent_connections_find_home_though_nobody_idles(engine: AsyncEngine) -> None:
    """One that is lent leaves its own slot to borrow, and so on: not for ever."""
    reads, chance = SlottedReads(engine, timeout=30), random.Random(3)
    at_home: list[bool] = []
    busy = True

    async def client() -> None:
        while busy:
            held = await reads.acquire(f"s{chance.randrange(40)}")
            await held.driver.fetchval("SELECT pg_sleep(0.0005)")
            at_home.append(home_of(held.fairy) == held.slot)
            reads.release(held)

    async def stranger() -> None:
        async with engine.connect():
            await asyncio.sleep(0.002)

    async with asyncio.TaskGroup() as group:
        for _ in range(16):
            group.create_task(client())
        while len(at_home) < 200:
            await asyncio.sleep(0.001)
        for _ in range(50):
            await stranger()
        disturbed = len(at_home)
        while len(at_home) < disturbed + 3000:
            await asyncio.sleep(0.001)
        busy = False
    assert not all(at_home[:disturbed])  # else it shows nothing
    assert sum(at_home[-1000:]) > 950


async def test_a_read_whose_connections_are_taken_is_served_by_another(
    engine: AsyncEngine,
) -> None:
    reads = SlottedReads(engine, timeout=5)
    blocked = asyncio.create_task(reads.fetchval("SELECT pg_sleep(1)", (), "one"))
    other = asyncio.create_task(reads.fetchval("SELECT pg_sleep(1)", (), "one"))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(0.5):
        assert await pid(reads, "one")
    await asyncio.gather(blocked, other)


async def test_the_wait_for_a_connection_is_bounded(engine: AsyncEngine) -> None:
    reads = SlottedReads(engine, timeout=0.1)
    busy = [
        asyncio.create_task(reads.fetchval("SELECT pg_sleep(0.5)", (), f"s{n}")) for n in range(40)
    ]
    await asyncio.sleep(0.05)
    with pytest.raises(TenantBusy):
        await pid(reads, "late")
    answers = await asyncio.gather(*busy, return_exceptions=True)
    assert any(isinstance(answer, TenantBusy) for answer in answers)
    assert await pid(reads, "late")


async def test_cancelled_reads_give_their_places_back(engine: AsyncEngine) -> None:
    reads, chance = SlottedReads(engine, timeout=5), random.Random(2)
    tasks = [
        asyncio.create_task(reads.fetchval("SELECT pg_sleep(0.001)", (), f"s{n % 30}"))
        for n in range(300)
    ]
    for task in chance.sample(tasks, 200):
        await asyncio.sleep(chance.random() / 2000)
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await reads.close()
    assert not any(reads._busy)
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    found = await spread(reads, [f"s{n}" for n in range(30)], 300)
    assert all(found.values())


async def test_a_connection_that_has_seen_many_schemas_is_replaced(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(affinity, "MAX_SCHEMAS", 5)
    reads = SlottedReads(engine, timeout=5)
    slot = slots_of("s0", POOL)[0]
    schemas = [s for s in (f"s{n}" for n in range(200)) if slots_of(s, POOL)[0] == slot][:14]
    found = [await pid(reads, schema) for schema in schemas]
    assert len(set(found)) == 3  # six schemas each
    sizes: list[Any] = [
        len(entry.info.get("fraiseql_schemas", ())) for entry in engine.pool._pool.idle
    ]  # type: ignore[attr-defined]
    assert max(sizes) <= 6

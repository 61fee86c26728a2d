from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from fraiseql_strawberry.errors import TenantBusy
from fraiseql_strawberry.turns import TenantTurns


async def test_a_tenant_has_so_many_turns_and_another_its_own() -> None:
    turns = TenantTurns(2, timeout=5)
    assert turns.take("a")
    assert turns.take("a")
    assert not turns.take("a")
    assert turns.take("b")


async def test_who_waits_longest_is_next_and_nobody_passes() -> None:
    turns, order = TenantTurns(1, timeout=5), []

    async def work(name: str) -> None:
        await turns.wait("a")
        order.append(name)
        turns.give_back("a")

    assert turns.take("a")
    waiting = [asyncio.create_task(work(name)) for name in "123"]
    await asyncio.sleep(0)
    turns.give_back("a")
    assert not turns.take("a")  # it is 1's
    await asyncio.gather(*waiting)
    assert order == ["1", "2", "3"]


async def test_the_wait_is_bounded_and_says_which_key_to_change() -> None:
    turns = TenantTurns(1, timeout=0.01)
    assert turns.take("a")
    with pytest.raises(TenantBusy) as caught:
        await turns.wait("a")
    assert caught.value.retry_after
    assert "tenant_limit" in (caught.value.hint or "")
    turns.give_back("a")
    assert turns.take("a")


async def test_a_cancelled_wait_loses_no_turn() -> None:
    turns, chance = TenantTurns(2, timeout=5), random.Random(1)

    async def work() -> None:
        await turns.wait("a")
        try:
            await asyncio.sleep(chance.random() / 500)
        finally:
            turns.give_back("a")

    tasks = [asyncio.create_task(work()) for _ in range(200)]
    for task in chance.sample(tasks, 150):
        await asyncio.sleep(chance.random() / 5000)
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert turns.take("a")
    assert turns.take("a")
    assert not turns.take("a")


async def test_a_wait_that_is_cancelled_as_its_turn_comes_passes_it_on() -> None:
    turns = TenantTurns(1, timeout=5)
    assert turns.take("a")
    waiting = asyncio.create_task(turns.wait("a"))
    await asyncio.sleep(0)
    turns.give_back("a")
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    assert turns.take("a")


async def test_nothing_is_kept_of_a_tenant_that_is_done() -> None:
    turns = TenantTurns(1, timeout=5)
    for number in range(1000):
        assert turns.take(str(number))
        turns.give_back(str(number))
    assert len(turns) == 0

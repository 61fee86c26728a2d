from __future__ import annotations

import asyncio

import pytest

from fraiseql_strawberry.errors import ServiceUnavailable, TenantBusy
from fraiseql_strawberry.isolation.waiting import WaitingLine


class Waiting:
    """A line whose waiters are tasks, and what they gave back."""

    def __init__(self, timeout: float = 5.0) -> None:
        self.line: WaitingLine[int] = WaitingLine(timeout)
        self.undone: list[int] = []

    async def begin(self, count: int) -> list[asyncio.Task[int]]:
        tasks = [
            asyncio.create_task(
                self.line.wait(lambda: None, lambda: TenantBusy(hint="late"), self.undone.append)
            )
            for _ in range(count)
        ]
        await asyncio.sleep(0)
        return tasks


async def test_they_are_served_in_order_of_arrival() -> None:
    waiting = Waiting()
    tasks = await waiting.begin(3)
    assert len(waiting.line) == 3
    for number in (1, 2, 3):
        waiting.line.serve(number)
    assert await asyncio.gather(*tasks) == [1, 2, 3]
    assert not waiting.line
    assert waiting.line.since is None


async def test_one_who_waits_too_long_leaves() -> None:
    waiting = Waiting(0.01)
    (task,) = await waiting.begin(1)
    with pytest.raises(TenantBusy, match="late"):
        await task
    assert not waiting.line


async def test_all_may_be_answered_with_an_error_each() -> None:
    waiting = Waiting()
    tasks = await waiting.begin(2)
    waiting.line.fail(ServiceUnavailable(hint="gone"))
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in found] == [ServiceUnavailable] * 2
    assert found[0] is not found[1]


async def test_one_who_is_cancelled_is_passed_over_before_it_has_noticed() -> None:
    waiting = Waiting()
    first, second = await waiting.begin(2)
    first.cancel()
    assert len(waiting.line) == 1
    waiting.line.serve(7)
    assert await second == 7
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_one_who_is_cancelled_behind_others_is_passed_over() -> None:
    waiting = Waiting()
    first, second, third = await waiting.begin(3)
    second.cancel()
    waiting.line.serve(1)
    waiting.line.serve(3)
    assert (await first, await third) == (1, 3)
    assert second.cancelled() or second.cancelling()


async def test_what_comes_in_the_moment_of_the_cancellation_is_given_back() -> None:
    waiting = Waiting()
    (task,) = await waiting.begin(1)
    waiting.line.serve(7)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert waiting.undone == [7]


async def test_an_error_in_the_beginning_leaves_no_place_behind() -> None:
    line: WaitingLine[int] = WaitingLine(5.0)

    def began() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await line.wait(began, TenantBusy, lambda _: None)
    assert not line

"""Cancels a piece of work at each place where it waits, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any

__all__ = ["run_cancelled"]


class CancelledAt:
    """Awaits something, and cancels its task at the n-th time that it has to wait.

    Args:
        work: The something.
        n: Counted from 1.
        late: Cancel in the moment in which it need not wait any longer, rather than at once.
    """

    def __init__(self, work: Coroutine[Any, Any, Any], n: int, *, late: bool) -> None:
        self.work, self.n, self.late = work, n, late
        self.waited = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        error: BaseException | None = None
        while True:
            try:
                future = self.work.throw(error) if error else self.work.send(None)
            except StopIteration as end:
                return end.value
            error = None
            self.waited += 1
            if self.waited == self.n:
                task = asyncio.current_task()
                assert task is not None
                if self.late and future is not None:
                    future.add_done_callback(lambda _, task=task: task.cancel())
                else:
                    task.cancel()
            try:
                yield future
            except BaseException as thrown:  # noqa: BLE001 - as an await does
                error = thrown


async def run_cancelled(work: Coroutine[Any, Any, Any], n: int, *, late: bool) -> bool:
    """Run it in a task of its own, cancelled at its n-th wait; whether there was one."""
    cancelled = CancelledAt(work, n, late=late)

    async def run() -> None:
        await cancelled

    await asyncio.gather(asyncio.create_task(run()), return_exceptions=True)
    return cancelled.waited >= n

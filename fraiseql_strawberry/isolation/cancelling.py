"""Cancel requests within the budget: PostgreSQL takes them on a connection of their own."""

from __future__ import annotations

import asyncio
from typing import Any

from ..leftovers import ClearedConnection

__all__ = ["CancellingConnection"]

_SECONDS = 2.0


class CancellingConnection(ClearedConnection):
    """Waits for its turn before it opens a socket to cancel its statement.

    `turns` is given to it where it is made.
    """

    __slots__ = ("turns",)

    turns: asyncio.Semaphore

    async def _cancel(self, waiter: asyncio.Future[None], *more: Any) -> None:
        """Override of asyncpg's: it opens a socket, and sets `waiter` once that is closed."""
        loop = asyncio.get_running_loop()
        await self.turns.acquire()
        # In the loop's next turn: then the socket is closed, not only about to be.
        waiter.add_done_callback(lambda _: loop.call_soon(self.turns.release))
        alarm = loop.call_later(_SECONDS, self._cancel_failed, waiter)
        try:
            await super()._cancel(waiter, *more)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
        finally:
            alarm.cancel()

    def _cancel_failed(self, waiter: asyncio.Future[None]) -> None:
        if not waiter.done():  # the server does not answer: whoever waits should not wait for it
            self.terminate()

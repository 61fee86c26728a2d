"""What waits for one subscriber: so many changes at the most."""

from __future__ import annotations

import asyncio
from collections import deque

from ..errors import EventsMissed, TenancyError
from .change import Change

__all__ = ["Subscriber"]


class Subscriber:
    """A bounded queue of changes with one reader.

    A reader that is too slow is told so, and its subscription ends: to leave changes out silently
    would make it believe what is no longer true, and to keep them all would be a way to fill the
    memory.

    Args:
        limit: How many changes may wait.
    """

    __slots__ = ("_arrived", "_ended", "_limit", "_waiting")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Change] = deque()
        self._arrived = asyncio.Event()
        self._ended: TenancyError | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def tell(self, change: Change) -> None:
        """Put a change behind those that wait."""
        if self._ended is not None:
            return
        if len(self._waiting) >= self._limit:
            self.end(EventsMissed(hint=f"the subscriber is slow: {self._limit} changes wait"))
            return
        self._waiting.append(change)
        self._arrived.set()

    def end(self, error: TenancyError) -> None:
        """Let the reader raise an error in place of whatever waits; the first one counts."""
        if self._ended is None:
            self._ended = error
            self._waiting.clear()
            self._arrived.set()

    async def next(self) -> Change:
        """The next change, when there is one.

        Raises:
            EventsMissed: When changes were lost, because the reader is slow or LISTEN broke off.
        """
        while not self._waiting:
            if self._ended is not None:
                raise self._ended
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

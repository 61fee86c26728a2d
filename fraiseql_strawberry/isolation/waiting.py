"""Those who wait for a connection of one pool, in order of arrival, each for a bounded time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from ..errors import TenancyError
from .gate import again

__all__ = ["WaitingLine"]

T = TypeVar("T")


class _Place(NamedTuple, Generic[T]):
    future: asyncio.Future[T]
    since: float


class WaitingLine(Generic[T]):
    """A line of waiters.

    Args:
        timeout: Seconds that one waits.
    """

    __slots__ = ("_places", "_timeout")

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._places: deque[_Place[T]] = deque()

    def __len__(self) -> int:
        # Someone whose task was cancelled stands here until that task runs, but never in front.
        while self._places and self._places[0].future.done():
            self._places.popleft()
        return len(self._places)

    @property
    def since(self) -> float | None:
        """Since when the first waits, by `time.monotonic`."""
        return self._places[0].since if len(self) else None

    async def wait(
        self, began: Callable[[], None], late: Callable[[], TenancyError], undo: Callable[[T], None]
    ) -> T:
        """Wait for what `serve` gives.

        Args:
            began: Called once the place in the line is taken.
            late: Makes the error of a time-out.
            undo: Called with what was given in the moment in which the waiter was cancelled.

        Raises:
            TenancyError: That of `late`, or of `fail`.
        """
        loop = asyncio.get_running_loop()
        place = _Place[T](loop.create_future(), time.monotonic())
        self._places.append(place)
        alarm = loop.call_later(self._timeout, self._give_up, place, late)
        try:
            began()
            return await place.future
        except BaseException:
            self._leave(place, undo)
            raise
        finally:
            alarm.cancel()

    def serve(self, given: T) -> None:
        """Give the first what it waits for; there must be one."""
        assert len(self), "nobody waits"
        self._places.popleft().future.set_result(given)

    def fail(self, error: TenancyError) -> None:
        """Answer everybody with an error."""
        while len(self):
            self._places.popleft().future.set_exception(again(error))

    def _give_up(self, place: _Place[T], late: Callable[[], TenancyError]) -> None:
        if not place.future.done():
            self._places.remove(place)
            place.future.set_exception(late())

    def _leave(self, place: _Place[T], undo: Callable[[T], None]) -> None:
        future = place.future
        if not future.done():  # `began` raised
            future.cancel()
        if future.cancelled():
            if place in self._places:
                self._places.remove(place)
        elif future.exception() is None:
            undo(future.result())

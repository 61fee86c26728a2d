"""Who may connect now: to one PostgreSQL server, or as one tenant.

What cannot be reached costs its own tenants a quick 503 and the others nothing: few connections
at a time are being made to a server, and for a moment after one failed, none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol
from weakref import WeakSet

from ..errors import TenancyError

__all__ = ["Gate", "Watcher", "again"]

_PAUSE = 1.0
_UNKNOWN = 2  # connections in the making, before the first has succeeded


class Watcher(Protocol):
    """Who is told of failures, as long as it lives."""

    def fail_waiting(self, error: TenancyError) -> None:
        """Answer all who wait with an error."""
        ...


class Gate:
    """Lets a few connect at a time; shut for a moment after a failure.

    Args:
        width: How many connections may be in the making at a time, once one has succeeded.
        pause: Seconds that nobody tries again after a failure; then one does.
        clock: Seconds that never go backwards.
    """

    __slots__ = (
        "__weakref__",
        "_clock",
        "_failure",
        "_known",
        "_passing",
        "_pause",
        "_until",
        "_watchers",
        "_width",
    )  # fmt: skip

    def __init__(
        self, width: int, *, pause: float = _PAUSE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._width = width
        self._pause = pause
        self._clock = clock
        self._passing = 0
        self._known = False
        self._failure: TenancyError | None = None
        self._until = 0.0
        self._watchers: WeakSet[Watcher] = WeakSet()

    @property
    def openings(self) -> int:
        """How many more connections may be begun now."""
        if self._failure is not None:
            width = 0 if self._clock() < self._until else 1
        else:
            width = self._width if self._known else min(_UNKNOWN, self._width)
        return max(0, width - self._passing)

    def refuse(self) -> None:
        """Raise what the last attempt met with, for a moment after it.

        Raises:
            TenancyError: That.
        """
        failure = self._failure
        if failure is not None and self._clock() < self._until:
            raise again(failure) from failure

    def begin(self) -> None:
        """A connection is being made."""
        self._passing += 1

    def end(self) -> None:
        """It is made, or was given up."""
        self._passing -= 1

    def passed(self) -> None:
        """There was an answer."""
        self._known, self._failure = True, None

    def failed(self, error: TenancyError) -> None:
        """There was none: whoever waits is told at once."""
        self._failure, self._until = error, self._clock() + self._pause
        for watcher in tuple(self._watchers):
            watcher.fail_waiting(error)

    def watch(self, watcher: Watcher) -> None:
        """Tell `watcher` of each failure."""
        self._watchers.add(watcher)


def again(error: TenancyError) -> TenancyError:
    """The same error for somebody else: one that is raised twice collects both tracebacks."""
    return type(error)(hint=error.hint)

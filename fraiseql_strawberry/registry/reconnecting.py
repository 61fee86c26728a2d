"""A task of the library that is tried again for as long as the service runs."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
from collections.abc import Awaitable, Callable

__all__ = ["Reconnecting"]

_log = logging.getLogger("fraiseql_strawberry")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class Reconnecting:
    """Runs an attempt in a task of its own, and again when it fails, after a pause that grows.

    Args:
        attempt: Works until it fails. It calls what it is given once it has got through: the next
            pause is short again.
        purpose: What does not happen while it fails, for the log.
    """

    def __init__(
        self, attempt: Callable[[Callable[[], None]], Awaitable[None]], *, purpose: str
    ) -> None:
        self._attempt = attempt
        self._purpose = purpose
        self._pause = _FIRST_PAUSE
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the running loop; harmless when it has begun."""
        if self._task is None:
            # A fresh context: a request that happens to start the service lends it no tenant.
            self._task = asyncio.get_running_loop().create_task(
                self._run(), context=contextvars.Context()
            )

    async def stop(self) -> None:
        """End the attempt that is under way, and make no other."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    async def _run(self) -> None:
        while True:
            try:
                await self._attempt(self._got_through)
            except Exception as error:  # noqa: BLE001 - whatever it is, giving up would be worse
                self._failed(error)
            # Jitter: the processes of a service that lost its database do not all come back in
            # the same moment.
            await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def _got_through(self) -> None:
        self._pause = _FIRST_PAUSE
        if self._failing:
            self._failing = False
            _log.warning("%s: works again", self._purpose)

    def _failed(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            _log.warning("%s: fails (%s), and is tried again", self._purpose, _told(error))


def _told(error: Exception) -> str:
    """An error in a few words; the statement and the parameters that SQLAlchemy adds left out."""
    cause = getattr(error, "orig", None) or getattr(error, "hint", None) or error
    return f"{type(error).__name__}: {cause}"

"""One connection that LISTENs, for all subscribers of one database."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

from ..errors import EventsMissed, ServiceUnavailable, TenancyError
from .change import read_announcement
from .subscriber import Subscriber

__all__ = ["Ear"]

_log = logging.getLogger("fraiseql_strawberry")

Connect = Callable[[], AbstractAsyncContextManager[Any]]


class Ear:
    """Opened by its first subscriber, closed with its last; where it breaks off, all are ended.

    It does not reconnect behind their backs: what was notified meanwhile is lost, and only those
    who subscribe anew know that they have to look again.

    Args:
        connect: Opens asyncpg's connection to the database, which nobody else uses.
        gone: Is called when it hears nothing more.
        heartbeat: Seconds between two signs of life that are asked of the connection, and how long
            one may take.
    """

    def __init__(
        self, connect: Connect, gone: Callable[[Ear], object], *, heartbeat: float = 5.0
    ) -> None:
        self._connect = connect
        self._gone = gone
        self._heartbeat = heartbeat
        self._listeners: dict[str, dict[Subscriber, str | None]] = {}
        self._listening: set[str] = set()
        self._turn = asyncio.Lock()  # one statement at a time
        self._error: TenancyError = EventsMissed(hint="the subscriptions were closed")
        loop = asyncio.get_running_loop()
        self._driver: asyncio.Future[Any] = loop.create_future()
        # A fresh context: the first subscriber lends it no tenant.
        self._task = loop.create_task(self._run(), context=contextvars.Context())
        self._task.add_done_callback(self._end)

    async def join(self, subscriber: Subscriber, channel: str, name: str | None) -> None:
        """Tell a subscriber of what is notified from now on.

        Args:
            subscriber: The subscriber.
            channel: The channel.
            name: What announcements call its tenant; None where all that is heard is its own.

        Raises:
            TenancyError: When LISTEN cannot be had.
        """
        self._listeners.setdefault(channel, {})[subscriber] = name
        driver = await asyncio.shield(self._driver)
        async with self._turn:
            if channel in self._listening:
                return
            try:
                await driver.add_listener(channel, self._heard)
            except Exception as error:
                raise ServiceUnavailable(hint=f"LISTEN: {type(error).__name__}") from error
            self._listening.add(channel)

    def leave(self, subscriber: Subscriber, channel: str) -> None:
        """Tell a subscriber nothing more; the last one closes the connection."""
        listeners = self._listeners.get(channel, {})
        listeners.pop(subscriber, None)
        if not listeners:  # the channel stays heard: whoever joins next waits for nothing
            self._listeners.pop(channel, None)
        if not self._listeners:
            self.close()

    def close(self) -> None:
        """Hear nothing more; who subscribes from now on needs another."""
        self._gone(self)
        self._task.cancel()

    async def closed(self) -> None:
        """Return when the connection is closed."""
        await asyncio.wait((self._task,))

    async def _run(self) -> None:
        try:
            async with self._connect() as driver:
                broken = asyncio.Event()

                def cut(_: object) -> None:
                    broken.set()

                driver.add_termination_listener(cut)
                self._driver.set_result(driver)
                while not await _within(self._heartbeat, broken):
                    async with self._turn, asyncio.timeout(self._heartbeat):
                        await driver.execute("SELECT 1")
            self._error = EventsMissed(hint="the connection that LISTENs was closed")
        except TenancyError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is heard any more
            self._error = EventsMissed(hint=f"LISTEN: {type(error).__name__}")

    def _end(self, _: object) -> None:
        error = self._error
        self._gone(self)
        if not self._driver.done():
            self._driver.set_exception(error)
            self._driver.exception()  # nobody may be waiting
        listeners, self._listeners = self._listeners, {}
        if listeners:
            _log.warning("subscriptions are ended: %s", error)
        for each in listeners.values():
            for subscriber in each:
                subscriber.end(error)

    def _heard(self, connection: object, pid: int, channel: str, payload: str) -> None:
        listeners = self._listeners.get(channel)
        if not listeners:
            return
        announced = read_announcement(payload)
        if announced is None:
            _log.warning("a notification on channel %r is none of announce_rows", channel)
            return
        for subscriber, name in listeners.items():
            if name is None or name == announced.tenant:
                subscriber.tell(announced.change)


async def _within(seconds: float, event: asyncio.Event) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()

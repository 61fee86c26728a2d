"""Hears of changes of tenants by LISTEN, on a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..config.secret import SecretUrl
from .connections import registry_engine
from .reconnecting import Reconnecting

__all__ = ["CHANNEL", "Listener"]

# What `sql/changes.sql` notifies.
CHANNEL = "fraiseql_tenants"


class Listener:
    """Tells of each change of a tenant within milliseconds of its commit.

    A payload is a tenant's id; an empty one means all of them. After each (re)connection all are
    told of as well: what was notified before that was missed.

    Args:
        url: The database whose changes are heard. Not behind a transaction pooler, which delivers
            no notification.
        on_change: Called on the loop with a tenant's id, or None for all.
        channel: The channel.
        heartbeat: Seconds between two signs of life that are asked of the connection. A link that
            is dead without having been closed is noticed after at most one more.
    """

    def __init__(
        self,
        url: SecretUrl,
        on_change: Callable[[str | None], object],
        *,
        channel: str = CHANNEL,
        heartbeat: float = 2.0,
    ) -> None:
        self._engine = registry_engine(url, size=1, timeout=heartbeat)
        self._on_change = on_change
        self._channel = channel
        self._heartbeat = heartbeat
        self._task = Reconnecting(self._listen, purpose="LISTEN for changes of tenants")

    def start(self) -> None:
        """Begin to listen, in a task of its own; harmless when it listens already."""
        self._task.start()

    async def stop(self) -> None:
        """Close the connection."""
        await self._task.stop()
        await self._engine.dispose()

    async def _listen(self, got_through: Callable[[], None]) -> None:
        async with self._engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            closed = asyncio.Event()

            def gone(_: object) -> None:
                closed.set()

            driver.add_termination_listener(gone)
            try:
                await driver.add_listener(self._channel, self._heard)
                # Only now: what is committed after LISTEN is notified, what was committed before
                # is seen by whoever asks from here on.
                self._on_change(None)
                got_through()
                while not await _within(self._heartbeat, closed):
                    await driver.execute("SELECT 1")
                raise ConnectionResetError("the connection was closed")
            finally:
                await connection.invalidate()  # it LISTENs: nobody else's

    def _heard(self, connection: object, pid: int, channel: str, payload: str) -> None:
        self._on_change(payload or None)


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True

"""Hears of changes of tenants by asking for a counter, where LISTEN is not delivered."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from ..config import Pooler
from ..config.secret import SecretUrl
from .connections import registry_engine
from .reconnecting import Reconnecting

__all__ = ["Poller"]

_GENERATION = "SELECT generation FROM fraiseql.registry_generation"


class Poller:
    """Tells of changes within the interval, by a counter that each transaction with one raises.

    It cannot say which tenant changed: all of them are asked for again.

    Args:
        url: The database; its role needs SELECT on `fraiseql.registry_generation`.
        on_change: Called on the loop, with None for all tenants.
        seconds: The interval. A suspension is felt in this process after at most that.
        pooler: The mode of the pooler in front of it.
        timeout: Seconds after which an attempt to connect, or an answer, counts as missing.
    """

    def __init__(
        self,
        url: SecretUrl,
        on_change: Callable[[None], object],
        *,
        seconds: float = 0.5,
        pooler: Pooler = "transaction",
        timeout: float = 3.0,
    ) -> None:
        self._engine = registry_engine(url, size=1, pooler=pooler, timeout=timeout)
        self._on_change = on_change
        self._seconds = seconds
        self._task = Reconnecting(self._poll, purpose="polling for changes of tenants")

    def start(self) -> None:
        """Begin to poll, in a task of its own; harmless when it polls already."""
        self._task.start()

    async def stop(self) -> None:
        """Close the connection."""
        await self._task.stop()
        await self._engine.dispose()

    async def _poll(self, got_through: Callable[[], None]) -> None:
        seen: object = None  # so that all are told of first: what changed before was missed
        async with self._engine.connect() as connection:
            while True:
                generation = (await connection.exec_driver_sql(_GENERATION)).scalar_one()
                got_through()
                if generation != seen:
                    seen = generation
                    self._on_change(None)
                # The processes of a service do not all ask in the same moment.
                await asyncio.sleep(self._seconds * random.uniform(0.8, 1.0))  # noqa: S311

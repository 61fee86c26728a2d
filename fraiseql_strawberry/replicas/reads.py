"""Which replica a compiled read goes to, if any."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

from asyncpg import exceptions as postgres
from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import ServiceUnavailable, SetupError, TenantBusy
from ..isolation import Committing, CompiledQuery
from ..trouble import driver_error, translate
from .replica import Replica
from .writes import RecentWrites

__all__ = ["Answer", "Replicas"]

_log = logging.getLogger("fraiseql_strawberry")

_LOOK_AGAIN = 0.02


class Answer(NamedTuple):
    """What a replica answered."""

    text: str | None


class Replicas:
    """Gives compiled reads to replicas in turn; those that it gives to none are the primary's.

    Args:
        replicas: All of them.
        primary: The engine whose commits are watched.
        writes: Who wrote what, which a replica must show before it may serve that tenant.
        patience: Seconds after which a replica that says nothing counts as failed.
        clock: Seconds that never go backwards.
    """

    def __init__(
        self,
        replicas: Sequence[Replica],
        primary: AsyncEngine,
        writes: RecentWrites,
        *,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._replicas = tuple(replicas)
        self._primary = primary
        self._writes = writes
        self._patience = patience
        self._clock = clock
        self._turn = 0
        self._looked: dict[Replica, float] = {}
        self._under_way: dict[Replica, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Open all of them. One that does not answer is tried again later.

        Raises:
            SetupError: When the role of one is unsafe, or an undeclared pooler stands before it.
        """
        self._writes.watch(self._primary)
        outcomes = await asyncio.gather(
            *(replica.open() for replica in self._replicas), return_exceptions=True
        )
        for replica, outcome in zip(self._replicas, outcomes, strict=True):
            if isinstance(outcome, ServiceUnavailable):
                _log.warning("the replica %s does not answer: %s", replica.name, outcome)
            elif isinstance(outcome, BaseException):
                raise outcome

    async def stop(self) -> None:
        """Close every connection to them, and watch the primary no more."""
        self._writes.unwatch(self._primary)
        for task in tuple(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        for replica in self._replicas:
            await replica.stop()

    async def read(self, tenant_id: str, query: CompiledQuery) -> Answer | None:
        """Run a compiled read on a replica, if there is one that may serve the tenant now.

        Returns:
            Its answer; None where the primary is to be asked.

        Raises:
            TenantBusy: When the replica is busy, or the statement takes too long there.
        """
        replica = self._choose(tenant_id)
        if replica is None:
            return None
        try:
            async with asyncio.timeout(self._patience):
                return Answer(await replica.read(tenant_id, query))
        except Exception as error:
            if isinstance(error, TenantBusy) or _took_too_long(error):
                raise  # the primary would be no quicker
            if _is_gone(error):
                replica.fail(error)
            # Else it may be behind (a table that is not there yet), or its replay had to cancel
            # the read. What the primary answers is what counts.
            return None

    def committing(self, tenant_id: str) -> Committing:
        """Notes a write of the tenant's that does not go through the primary's engine."""

        async def committing(driver: Any) -> None:
            await self._writes.note_transaction(driver, tenant_id)

        return committing

    def _choose(self, tenant_id: str) -> Replica | None:
        count = len(self._replicas)
        for step in range(count):
            replica = self._replicas[(self._turn + step) % count]
            if replica.ready:
                if self._writes.seen_by(tenant_id, replica.xmin):
                    self._turn = (self._turn + step + 1) % count
                    return replica
                if replica.xmin is not None:
                    self._look_at(replica)
            elif replica.due:
                self._spawn(replica, replica.open())
        return None

    def _look_at(self, replica: Replica) -> None:
        now = self._clock()
        if now - self._looked.get(replica, float("-inf")) >= _LOOK_AGAIN:
            self._looked[replica] = now
            self._spawn(replica, self._look(replica))

    async def _look(self, replica: Replica) -> None:
        try:
            await replica.look()
        except Exception as error:
            replica.fail(error)
            raise

    def _spawn(self, replica: Replica, work: Coroutine[Any, Any, None]) -> None:
        """One thing at a time for each replica, and nobody waits for it."""
        if replica in self._under_way:
            work.close()
            return
        # A fresh context: the tenant of whoever reads is not this task's.
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._under_way[replica] = task
        task.add_done_callback(lambda _: self._finished(replica))

    def _finished(self, replica: Replica) -> None:
        task = self._under_way.pop(replica)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, (ServiceUnavailable, SetupError)):
            _log.error("the replica %s could not be looked at", replica.name, exc_info=error)


def _took_too_long(error: Exception) -> bool:
    return isinstance(driver_error(error), postgres.QueryCanceledError)


def _is_gone(error: Exception) -> bool:
    cause = driver_error(error)
    return isinstance(
        cause, (TimeoutError, ServiceUnavailable, postgres.TooManyConnectionsError)
    ) or isinstance(translate(error), ServiceUnavailable)

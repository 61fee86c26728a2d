"""A number of places that are at the same revision are brought to another one, side by side."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import asyncpg
from sqlalchemy import Connection

from ...errors import ServiceUnavailable
from .connecting import Driver, open_driver
from .crew import Crew, open_crew
from .fleet import Fleet
from .ledger import Ledger
from .one import migrate_one
from .places import Place, Revisions
from .plan import Task
from .recording import Recording
from .replay import Script
from .report import CONTENTION, UNPROTECTED, Failure, Result
from .scribe import Scribe
from .scripts import Scripts

__all__ = ["Wave"]

_log = logging.getLogger("fraiseql_strawberry")

Migrate = Callable[[Place], Awaitable[Result]]
Hire = Callable[[], AbstractAsyncContextManager[Migrate]]

_LOST = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError, ServiceUnavailable)
_FINAL = CONTENTION | {UNPROTECTED}

# Two tenants show whether the statements depend on the tenant; for fewer than that it is in vain.
_SHOWN_BY = 2


class Wave:
    """Migrates groups of places.

    Args:
        fleet: The places.
        scripts: The user's Alembic directory.
        scribe: Notes who begins and who is done.
        ledger: For what is written in the transactions themselves.
        workers: How many places at a time.
        replay: Whether statements may be said again without Alembic.
        functions: Whether the places' database has the functions of `install_functions`.
        done: Called with each result.
        stopped: Whether no further place is to be begun.
    """

    def __init__(
        self,
        fleet: Fleet,
        scripts: Scripts,
        scribe: Scribe,
        ledger: Ledger,
        *,
        workers: int,
        replay: bool,
        functions: bool,
        done: Callable[[Result], object],
        stopped: Callable[[], bool],
    ) -> None:
        self._fleet = fleet
        self._rules = fleet.rules
        self._scripts = scripts
        self._scribe = scribe
        self._ledger = ledger
        self._workers = workers
        self._replay = replay
        self._functions = functions
        self._done = done
        self._stopped = stopped

    async def migrate(self, tasks: Sequence[Task], target: Revisions) -> None:
        """Bring places that are at the same revision to the target.

        Args:
            tasks: The places.
            target: The revisions.

        Raises:
            SetupError: env.py cannot be used as it is.
        """
        self._target = ",".join(target) if len(target) == 1 else "heads"
        queue = iter(tasks)
        script = None
        if self._replay and tasks[0].before and len(tasks) > _SHOWN_BY:
            script = await self._show(queue, tasks[0].before)
        if script is not None:
            await self._each(queue, lambda: self._speaker(script), self._workers)
        elif len(tasks) > 1 and self._workers > 1:
            size = min(self._workers, len(tasks))
            async with open_crew(self._rules, self._scripts, size) as crew:
                await self._each(queue, lambda: self._foreman(crew), size)
        else:
            await self._each(queue, self._alembic, 1)

    async def _each(self, queue: Iterator[Task], hire: Hire, size: int) -> None:
        """Let so many at a time take places until none is left, or until they are to stop."""

        async def take() -> None:
            async with hire() as migrate:
                for task in queue:
                    if self._stopped():
                        return
                    self._scribe.started(task.place.tenant)
                    self._settle(await migrate(task.place))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(size):
                    group.create_task(take())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    def _settle(self, result: Result) -> None:
        tenant = result.place.tenant
        if result.failure is None:
            self._scribe.finished(tenant, written=self._fleet.in_control)
        else:
            self._scribe.failed(tenant, result.failure.message)
        self._done(result)

    async def _show(self, queue: Iterator[Task], before: Revisions) -> Script | None:
        """Take down what Alembic says to the first two; None where it cannot be said again."""
        shown: list[tuple[Recording, Revisions]] = []
        for task in queue:
            if self._stopped():
                return None
            tries: list[Recording] = []
            self._scribe.started(task.place.tenant)
            result = await self._by_alembic(task.place, tries)
            self._settle(result)
            if result.failure is None:
                shown.append((tries[-1], result.after))
            if len(shown) == _SHOWN_BY:
                break
        if len(shown) < _SHOWN_BY:
            return None
        (one, after), (other, _) = shown
        if not one.matches(other):
            why = one.obstacle or other.obstacle or "it says something else to each tenant"
            _log.info(
                "Alembic runs for each tenant, since the migration is not one script: %s", why
            )
            return None
        return Script(before, after, one.statements, functions=self._functions)

    async def _by_alembic(self, place: Place, tries: list[Recording] | None = None) -> Result:
        def record() -> Recording:
            assert tries is not None
            tries.append(Recording())
            return tries[-1]

        finishing = self._finishing(place)

        def finish(connection: Connection) -> None:
            if finishing is not None:
                connection.exec_driver_sql(finishing)

        try:
            return await migrate_one(
                place,
                self._rules,
                self._scripts,
                target=self._target,
                recording=None if tries is None else record,
                finish=finish,
            )
        except ServiceUnavailable as error:
            return Result(place, (), (), 0.0, Failure(error.hint or error.message))

    def _finishing(self, place: Place) -> str | None:
        return self._ledger.finishing(place.tenant) if self._fleet.in_control else None

    @asynccontextmanager
    async def _alembic(self) -> AsyncGenerator[Migrate]:
        yield self._by_alembic

    @asynccontextmanager
    async def _foreman(self, crew: Crew) -> AsyncGenerator[Migrate]:
        yield lambda place: crew.migrate(place, self._target, self._finishing(place))

    @asynccontextmanager
    async def _speaker(self, script: Script) -> AsyncGenerator[Migrate]:
        """Says the script to one place after another, over one connection where it can."""
        async with AsyncExitStack() as stack:
            kept: Driver | None = None

            async def say(place: Place) -> Result:
                nonlocal kept
                if not self._fleet.in_control:
                    async with open_driver(place.url) as driver:
                        return await self._say(script, driver, place)
                if kept is None or kept.is_closed():
                    kept = await stack.enter_async_context(open_driver(place.url))
                return await self._say(script, kept, place)

            async def migrate(place: Place) -> Result:
                try:
                    result = await say(place)
                except _LOST:
                    # Nobody knows whether it was committed: Alembic looks, and goes on from there.
                    return await self._by_alembic(place)
                if result.failure is None or result.failure.sqlstate in _FINAL:
                    return result
                # It is not where it was, or not like the others: Alembic says which revision and
                # statement failed, if it does at all.
                return await self._by_alembic(place)

            yield migrate

    async def _say(self, script: Script, driver: Driver, place: Place) -> Result:
        finishing = self._finishing(place)
        also = () if finishing is None else (finishing,)
        return await script.run(driver, place, self._rules, also=also)

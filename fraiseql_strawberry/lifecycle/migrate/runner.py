"""Many places are brought to head: planned, in waves, in parallel, with a ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal, Protocol

from ...errors import SetupError
from .connecting import Driver, open_driver, refuse_pooler
from .fleet import Fleet
from .functions import install_functions
from .ledger import Ledger
from .places import Place, Selection
from .plan import Plan, Task, make_plan
from .report import Report, Result
from .scribe import Scribe, announce
from .scripts import Scripts
from .texts import LEDGER_QUERIES
from .wave import Wave

__all__ = ["Gate", "Options", "Runner", "Watcher"]

_LOCK_SECONDS = 5.0
_POLL_SECONDS = 0.1
_ROUNDS = 10

Gate = Callable[[Report], Awaitable[bool]]
"""Asked after the canary wave: whether to go on."""


class Watcher(Protocol):
    """Is told how a run goes on; a progress bar is one."""

    def planned(self, plan: Plan) -> None:
        """So much is to be done; called again when new tenants are found."""
        ...

    def finished(self, result: Result) -> None:
        """A place is done, or has failed."""
        ...


@dataclass(frozen=True, slots=True)
class Options:
    """How a run goes on.

    Args:
        target: The revision to go to.
        selection: Which tenants.
        resume: Go on with the run that was cut short, to its own target and for its own tenants.
        canary: How many places come first, before `gate` is asked; None for no such wave.
        on_error: Whether to stop at the first place that fails, or to go on with the others.
        workers: How many places at a time.
        replay: Whether statements may be said again without Alembic.
        recheck: Ask each place for its revision, where else the ledger is believed.
    """

    target: str = "heads"
    selection: Selection = field(default_factory=Selection)
    resume: bool = False
    canary: int | None = None
    on_error: Literal["stop", "continue"] = "stop"
    workers: int = 4
    replay: bool = True
    recheck: bool = False


class Runner:
    """One run.

    Args:
        fleet: The places.
        scripts: The user's Alembic directory.
        options: How it goes on.
        watcher: Is told of every place.
        gate: Asked after the canary wave.
        prepare: Called before any tenant is migrated: brings the template of new ones to head.
    """

    def __init__(
        self,
        fleet: Fleet,
        scripts: Scripts,
        options: Options,
        *,
        watcher: Watcher | None = None,
        gate: Gate | None = None,
        prepare: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._fleet = fleet
        self._scripts = scripts
        self._options = options
        self._watcher = watcher
        self._gate = gate
        self._prepare = prepare
        self._stopped: str | None = None
        self._report = Report(target=())

    def stop(self, why: str = "interrupt") -> None:
        """Begin no further place; those that are under way come to their end."""
        if self._stopped is None:
            self._stopped = why

    async def run(self) -> Report:
        """Bring the places to the target.

        Returns:
            What became of each; what failed is in it, and not raised.

        Raises:
            SetupError: Another run is under way, there is nothing to resume, or env.py cannot be
                used as it is.
            ServiceUnavailable: When the control database cannot be reached.
        """
        started = time.perf_counter()
        async with AsyncExitStack() as stack:
            control = await stack.enter_async_context(open_driver(self._fleet.control))
            await refuse_pooler(control)
            await _alone(control)
            if not self._options.resume:
                # A mistake in the call is no run that could be resumed.
                await self._fleet.places(control, self._options.selection)
            ledger = await self._open_ledger(control)
            notes = await stack.enter_async_context(open_driver(self._fleet.control))
            scribe = Scribe(
                Ledger(notes, ledger.run),
                notes,
                listened=self._fleet.listened,
                everybody=self._fleet.rules.strategy == "row",
            )
            functions = self._fleet.in_control and await install_functions(control)
            if self._prepare is not None:
                await self._prepare()
            async with scribe:
                wave = Wave(
                    self._fleet,
                    self._scripts,
                    scribe,
                    ledger,
                    workers=self._options.workers,
                    replay=self._options.replay,
                    functions=functions,
                    done=self._done,
                    stopped=lambda: self._stopped is not None,
                )
                await self._rounds(control, ledger, wave)
            await self._end(ledger)
        self._report.stopped = self._stopped
        self._report.seconds = time.perf_counter() - started
        return self._report

    async def _open_ledger(self, control: Driver) -> Ledger:
        options = self._options
        unfinished = await Ledger.resume(control)
        if unfinished is not None:
            # It may have been killed after a commit and before its NOTIFY.
            await announce(control, [""], listened=self._fleet.listened)
        if options.resume:
            if unfinished is None:
                raise SetupError("--resume: the last run came to its end, so nothing is left of it")
            ledger = unfinished
        else:
            target = self._scripts.resolve(options.target)
            ledger = await Ledger.open(control, self._fleet.rules, target, options.selection)
        self._report.target = ledger.run.target
        return ledger

    async def _rounds(self, control: Driver, ledger: Ledger, wave: Wave) -> None:
        """Until no place is left: tenants that are made meanwhile end at head as well."""
        tried: set[Place] = set()
        first = True
        for _ in range(_ROUNDS):
            plan = await self._plan(control, ledger, tried, first=first)
            tried.update(task.place for task in plan.tasks)
            if not plan.tasks:
                return
            await ledger.plan([task.place for task in plan.tasks])
            await self._waves(plan.tasks, wave, first=first)
            first = False
            if self._stopped is not None:
                done = {result.place for result in self._report.results}
                self._report.left = [t.place for t in plan.tasks if t.place not in done]
                return

    async def _plan(
        self, control: Driver, ledger: Ledger, tried: set[Place], *, first: bool
    ) -> Plan:
        run = ledger.run
        places = await self._fleet.places(control, run.selection)
        new = [place for place in places if place not in tried]
        recheck = self._options.recheck or not first
        revisions = await self._fleet.revisions(control, new, recheck=recheck)
        # A target of several heads is "heads"; of a run that is resumed, the ones it had.
        target = ",".join(run.target) if len(run.target) == 1 else "heads"
        plan = make_plan(new, revisions, self._scripts, target)
        if first:
            self._report.up_to_date = len(plan.up_to_date)
            if self._watcher is not None:
                self._watcher.planned(plan)
            for lost in plan.lost:
                self._done(lost)
        elif plan.tasks and self._watcher is not None:
            self._watcher.planned(plan)
        return plan

    async def _waves(self, tasks: Sequence[Task], wave: Wave, *, first: bool) -> None:
        report = self._report
        canary = self._options.canary if first and not self._options.resume else None
        if canary is not None and canary < len(tasks):
            await self._wave(tasks[:canary], wave)
            if self._stopped is None and report.failed:
                self.stop("error")  # that is what canaries are for
            if self._stopped is None and self._gate is not None and not await self._gate(report):
                self.stop("canary")
            tasks = tasks[canary:]
        if self._stopped is None:
            await self._wave(tasks, wave)

    async def _wave(self, tasks: Sequence[Task], wave: Wave) -> None:
        """Those who come from the same revision go together."""
        ordered = sorted(tasks, key=lambda task: task.before)
        for _, group in groupby(ordered, key=lambda task: task.before):
            if self._stopped is None:
                await wave.migrate(list(group), self._report.target)

    def _done(self, result: Result) -> None:
        self._report.results.append(result)
        if result.failure is not None and self._options.on_error == "stop":
            self.stop("error")
        if self._watcher is not None:
            self._watcher.finished(result)

    async def _end(self, ledger: Ledger) -> None:
        """A run that stopped is not at its end: it can be resumed."""
        if self._stopped is None:
            await ledger.end("failed" if self._report.failed else "done")


async def _alone(control: Driver) -> None:
    """One run at a time; the lock is the connection's, so it ends with it."""
    try:
        async with asyncio.timeout(_LOCK_SECONDS):
            while not await control.fetchval(LEDGER_QUERIES["lock"]):  # noqa: ASYNC110 - a process
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise SetupError(
            "another `migrate` is under way: wait for it, or end its connections "
            "(application_name fraiseql-migrate in pg_stat_activity)"
        ) from None

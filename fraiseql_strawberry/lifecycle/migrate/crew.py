"""Worker processes: Alembic keeps its state in modules, so each process runs one migration."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from typing import Any

from ...errors import SetupError
from .places import Place
from .report import Failure, Result
from .rules import Rules
from .scripts import Scripts
from .worker import Answer, Job, work

__all__ = ["Crew", "open_crew"]

_END_SECONDS = 5.0


class Crew:
    """A number of worker processes, each with one place at a time.

    Args:
        rules: How places are migrated.
        scripts: The user's Alembic directory; each worker loads its own.
        size: How many processes.
    """

    def __init__(self, rules: Rules, scripts: Scripts, size: int) -> None:
        self._rules = rules
        self._scripts = scripts
        # forkserver: the workers share the memory of what one clean process has imported. A plain
        # fork would copy our threads' locks.
        methods = multiprocessing.get_all_start_methods()
        kind = "forkserver" if "forkserver" in methods else "spawn"
        self._context: Any = multiprocessing.get_context(kind)
        if kind == "forkserver":
            self._context.set_forkserver_preload(["fraiseql_strawberry.lifecycle.migrate.worker"])
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._all: list[_Worker] = []
        for _ in range(size):
            self._hire()

    async def migrate(self, place: Place, target: str, finishing: str | None) -> Result:
        """Let a worker that is free migrate a place.

        Args:
            place: The place.
            target: The revision to go to.
            finishing: SQL for the end of the transaction.

        Raises:
            SetupError: What is wrong is wrong for all places.
        """
        worker = await self._idle.get()
        job = Job(
            place.tenant,
            place.url.reveal(),
            place.schema,
            place.version_schema,
            target,
            finishing,
        )
        try:
            answer = await worker.ask(job)
        except (EOFError, ConnectionError):
            self._all.remove(worker)
            await worker.end()
            self._hire()
            why = f"the process that migrated it ended with code {worker.exit_code}"
            return Result(place, (), (), 0.0, Failure(why))
        self._idle.put_nowait(worker)
        if answer.trouble is not None:
            raise SetupError(answer.trouble)
        return Result(place, answer.before, answer.after, answer.seconds, answer.failure)

    async def end(self) -> None:
        """Let the workers end; one that is in the middle of something is cut off."""
        await asyncio.gather(*(worker.end() for worker in self._all))

    def _hire(self) -> None:
        worker = _Worker(self._context, self._rules, self._scripts)
        self._all.append(worker)
        self._idle.put_nowait(worker)


class _Worker:
    def __init__(self, context: Any, rules: Rules, scripts: Scripts) -> None:
        self._pipe: Pipe
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=work, args=(theirs, rules, str(scripts.path)), daemon=True
        )
        self._process.start()
        theirs.close()  # so that its end is the end of the pipe
        self._asking = False

    @property
    def exit_code(self) -> int | None:
        return self._process.exitcode

    async def ask(self, job: Job) -> Answer:
        self._asking = True
        self._pipe.send(job)
        answer: Answer = await asyncio.to_thread(self._pipe.recv)
        self._asking = False
        return answer

    async def end(self) -> None:
        if self._asking:
            self._process.terminate()  # its transaction is rolled back
        else:
            self._pipe.close()  # that is how it learns of the end
        await asyncio.to_thread(self._process.join, _END_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            await asyncio.to_thread(self._process.join)


@asynccontextmanager
async def open_crew(rules: Rules, scripts: Scripts, size: int) -> AsyncGenerator[Crew]:
    """A crew that ends with the block."""
    crew = Crew(rules, scripts, size)
    try:
        yield crew
    finally:
        await crew.end()

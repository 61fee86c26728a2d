"""A process that runs Alembic over one place after another, as it is told."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from ...config.secret import SecretUrl
from ...errors import SetupError, TenancyError
from .one import migrate_one
from .places import Place, Revisions
from .report import Failure
from .rules import Rules
from .scripts import Scripts

__all__ = ["Answer", "Job", "work"]


@dataclass(frozen=True, slots=True, repr=False)
class Job:
    """What a worker is told: one place. It goes through a pipe, and nowhere else.

    Args:
        tenant: The tenant.
        url: The migrator's URL, with its password.
        schema: Where its tables are.
        version_schema: Where its version table is.
        target: The revision to go to.
        finishing: SQL for the end of the transaction.
    """

    tenant: str
    url: str
    schema: str
    version_schema: str
    target: str
    finishing: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker says of one place.

    Args:
        before: Its revisions before.
        after: Its revisions afterwards.
        seconds: How long it took.
        failure: Why it failed, if it did.
        trouble: What is wrong with all of them: env.py, or the server.
    """

    before: Revisions = ()
    after: Revisions = ()
    seconds: float = 0.0
    failure: Failure | None = None
    trouble: str | None = None


def work(pipe: Pipe, rules: Rules, scripts: str) -> None:
    """Take jobs from a pipe until its other end is closed, which it is when that process dies.

    Args:
        pipe: Gives a `Job`, takes an `Answer`.
        rules: How places are migrated.
        scripts: The path of Alembic's configuration.
    """
    # A terminal sends Ctrl-C to all of its processes; what is under way comes to its end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_serve(pipe, rules, Scripts(Path(scripts))))


async def _serve(pipe: Pipe, rules: Rules, scripts: Scripts) -> None:
    while True:
        try:
            job: Job = await asyncio.to_thread(pipe.recv)
        except EOFError:
            return
        answer = await _do(job, rules, scripts)
        try:
            pipe.send(answer)
        except BrokenPipeError:
            return


async def _do(job: Job, rules: Rules, scripts: Scripts) -> Answer:
    place = Place(job.tenant, SecretUrl(job.url), job.schema, job.version_schema)

    def finish(connection: Connection) -> Any:
        if job.finishing is not None:
            connection.exec_driver_sql(job.finishing)

    try:
        result = await migrate_one(place, rules, scripts, target=job.target, finish=finish)
    except (SetupError, TenancyError) as error:
        return Answer(trouble=str(error))
    return Answer(result.before, result.after, result.seconds, result.failure)

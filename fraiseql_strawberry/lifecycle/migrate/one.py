"""One place is brought to head, or is as it was before."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from sqlalchemy import Connection

from ...errors import SetupError
from .connecting import connect
from .places import Place
from .recording import Recording
from .report import Result, failure_of, is_contention
from .rules import Rules
from .scripts import Scripts
from .visit import Visit

__all__ = ["back_off", "migrate_one"]

_SHORTEST, _LONGEST = 0.1, 10.0
_POLL_SECONDS = 0.005

# Alembic keeps the running migration in its modules (`alembic.op`, `alembic.context`), and so do
# the names that migrations import: one at a time in a process, whatever its threads and loops.
_ONE_AT_A_TIME = threading.Lock()


async def migrate_one(
    place: Place,
    rules: Rules,
    scripts: Scripts,
    *,
    target: str = "heads",
    recording: Callable[[], Recording] | None = None,
    finish: Callable[[Connection], object] | None = None,
) -> Result:
    """Bring one place to a revision, in one transaction where its migrations allow that.

    A migration that waited for a lock longer than `lock_timeout` gives way, so that nobody has to
    wait behind it for long, and is tried again after a pause.

    Args:
        place: The place.
        rules: How places are migrated.
        scripts: The user's Alembic directory.
        target: The revision to go to.
        recording: Makes what takes down the statements, anew for each try.
        finish: Called with the connection as the last thing in the transaction.

    Returns:
        What became of it; an error of the migration is in it, and not raised.

    Raises:
        ServiceUnavailable: When the database cannot be reached.
        SetupError: env.py cannot be used as it is.
    """
    started = time.perf_counter()
    async with connect(place.url) as connection:
        for attempt in range(1, rules.attempts + 1):
            visit = Visit(
                place,
                rules,
                scripts,
                target=target,
                recording=recording() if recording is not None else None,
                finish=finish,
            )
            try:
                async with _alone():
                    await connection.run_sync(visit.enter)
            except Exception as error:
                await connection.rollback()
                if attempt < rules.attempts and is_contention(error):
                    await asyncio.sleep(back_off(attempt))
                    continue
                if not visit.entered or isinstance(error, SetupError):
                    raise _of_env(error, scripts) from error
                failure = failure_of(error, revision=visit.at, attempts=attempt)
                return Result(
                    place, visit.before, visit.before, time.perf_counter() - started, failure
                )
            return Result(place, visit.before, visit.after, time.perf_counter() - started)
    raise AssertionError("there is at least one attempt")


def back_off(attempt: int) -> float:
    """The pause after a try that had to wait for a lock too long, in seconds.

    Args:
        attempt: The number of the try, from 1. Pauses double, and differ, so that two who are in
            each other's way do not meet again.
    """
    longest = min(_LONGEST, _SHORTEST * 2**attempt)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - nobody is to be surprised


@asynccontextmanager
async def _alone() -> AsyncGenerator[None]:
    while not _ONE_AT_A_TIME.acquire(blocking=False):  # noqa: ASYNC110 - a thread may have it
        await asyncio.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        _ONE_AT_A_TIME.release()


def _of_env(error: Exception, scripts: Scripts) -> Exception:
    if isinstance(error, SetupError):
        return error
    return SetupError(f"{scripts.directory.env_py_location}: {type(error).__name__}: {error}")

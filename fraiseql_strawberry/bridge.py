"""Lets sync code in a worker thread use a session whose driver is asynchronous.

Each call of the session runs on the loop that owns its connection, in a greenlet as SQLAlchemy's
own asyncio extension does it, while the thread sleeps. Nothing of it runs in the thread itself:
the pool's queue and the request's permits are asyncio's, which another thread may not touch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy.orm import SessionTransaction
from sqlalchemy.util.concurrency import greenlet_spawn

__all__ = ["BridgedTransaction", "run_bridged"]

T = TypeVar("T")


def run_bridged(function: Callable[[], T], loop: asyncio.AbstractEventLoop) -> T:
    """Run `function` on `loop`, and wait for it here.

    Args:
        function: Sync code that uses an async engine's connection.
        loop: The running loop that owns the connection; not this thread's, which would wait for
            itself for ever.

    Returns:
        What the function returned; its exceptions pass through.
    """
    return asyncio.run_coroutine_threadsafe(greenlet_spawn(function), loop).result()


class BridgedTransaction:
    """What `begin()` and `begin_nested()` give in a worker thread: `with session.begin_nested():`.

    Args:
        transaction: SQLAlchemy's own.
        loop: The loop that owns the connection.
    """

    def __init__(self, transaction: SessionTransaction, loop: asyncio.AbstractEventLoop) -> None:
        self._transaction = transaction
        self._loop = loop

    @property
    def is_active(self) -> bool:
        """Whether it has neither ended nor failed."""
        return self._transaction.is_active

    def commit(self) -> None:
        """Commit, or release the savepoint."""
        run_bridged(self._transaction.commit, self._loop)

    def rollback(self) -> None:
        """Roll back, to the savepoint if it is one."""
        run_bridged(self._transaction.rollback, self._loop)

    def __enter__(self) -> Self:
        self._transaction.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        leave: Callable[..., Any] = self._transaction.__exit__
        run_bridged(partial(leave, kind, error, traceback), self._loop)

"""Lets sync code in a worker thread use a session whose driver is asynchronous.

Each call of the session runs on the loop that owns its connection, in a greenlet as SQLAlchemy's
own asyncio extension does it, while the thread sleeps. Nothing of it runs in the thread itself:
the pool's queue and the request's permits are asyncio's, which another thread may not touch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache, partial
from threading import get_ident
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from sqlalchemy import Connection, Transaction
from sqlalchemy.orm import SessionTransaction
from sqlalchemy.util.concurrency import greenlet_spawn

__all__ = ["BridgedTransaction", "bridge_connection", "bridged_method", "run_bridged"]

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


def bridged_method(owner: type[Any], name: str) -> Callable[..., Any]:
    """A method that runs its like of the next class on the loop, when it is called elsewhere.

    Its instances have `_loop`, the loop, and `_thread`, that loop's thread.

    Args:
        owner: The class that it becomes a method of.
        name: Its name.
    """

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = partial(getattr(cast(Any, super(owner, self)), name), *args, **kwargs)
        if get_ident() == self._thread:
            return call()  # in a greenlet, or SQLAlchemy says that it is not
        result = run_bridged(call, self._loop)
        if isinstance(result, (SessionTransaction, Transaction)):
            return BridgedTransaction(result, self._loop)
        if isinstance(result, Connection):
            return bridge_connection(result, self._loop, self._thread)
        return result

    method.__name__ = name
    return method


_METHODS = (
    "execute",
    "scalar",
    "scalars",
    "exec_driver_sql",
    "begin",
    "begin_nested",
    "commit",
    "rollback",
    "close",
    "invalidate",
    "get_isolation_level",
)


@cache
def _bridged_class(kind: type[Connection]) -> type[Connection]:
    # No slots: the layout stays the same, so that an object's class can be changed.
    bridged = type(f"Bridged{kind.__name__}", (kind,), {"__slots__": ()})
    for name in _METHODS:
        setattr(bridged, name, bridged_method(bridged, name))
    return bridged


def bridge_connection(
    connection: Connection, loop: asyncio.AbstractEventLoop, thread: int
) -> Connection:
    """Let a worker thread use a session's connection: pandas, `inspect`, a Core statement.

    It stays the session's own object, since the two share the transaction: only its class is
    changed, to one that goes over the bridge when it is called in another thread than the loop's.

    Args:
        connection: What `Session.connection()` gave.
        loop: The loop that owns it.
        thread: That loop's thread.
    """
    if "_loop" not in vars(connection):
        vars(connection).update(_loop=loop, _thread=thread)
        connection.__class__ = _bridged_class(type(connection))
    return connection


class BridgedTransaction:
    """What `begin()` and `begin_nested()` give in a worker thread: `with session.begin_nested():`.

    Args:
        transaction: SQLAlchemy's own.
        loop: The loop that owns the connection.
    """

    def __init__(
        self, transaction: SessionTransaction | Transaction, loop: asyncio.AbstractEventLoop
    ) -> None:
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

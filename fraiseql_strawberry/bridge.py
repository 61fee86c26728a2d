"""Lets sync code in a worker thread use a session whose driver is asynchronous.

SQLAlchemy's asyncpg dialect awaits inside a greenlet. In a worker thread there is no event loop
to await on, so each awaitable is sent to the loop that owns the connection, and the thread
sleeps until it is done: the loop is never blocked, and the driver is only ever used on its loop.
(The idea is SQLAlchemy's own `greenlet_spawn`, with a thread between the two halves.)
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

__all__ = ["run_bridged"]

T = TypeVar("T")


class _Provider(greenlet):
    # The mark by which sqlalchemy.util.await_ knows that its parent can await for it.
    __sqlalchemy_greenlet_provider__ = True


def run_bridged(function: Callable[[], T], loop: asyncio.AbstractEventLoop) -> T:
    """Run `function` here, and whatever it awaits through SQLAlchemy on `loop`.

    Args:
        function: Sync code that uses an async engine's connection.
        loop: The running loop that owns the connection; not this thread's.

    Returns:
        What the function returned; its exceptions pass through.
    """
    provider = _Provider(function)
    provider.gr_context = getcurrent().gr_context
    result: Any = provider.switch()
    while not provider.dead:
        try:
            value = asyncio.run_coroutine_threadsafe(_awaited(result), loop).result()
        except BaseException:  # handed into the greenlet, where it was caused
            result = provider.throw(*sys.exc_info())
        else:
            result = provider.switch(value)
    return result


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable

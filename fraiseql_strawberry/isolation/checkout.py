"""asyncpg's own connection out of SQLAlchemy's pool, for one call of the driver.

Connections, limits and budget are SQLAlchemy's pool's; the call on the checked-out connection is
asyncpg's own (`driver_connection`), which costs a third of one through `text()`.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util.concurrency import greenlet_spawn

from ..trouble import is_cut

__all__ = ["CheckedOut"]


class CheckedOut:
    """A pooled asyncpg connection for the length of a block.

    A connection that was cut, or whose block was cancelled, is discarded: it goes back to the
    pool clean or not at all (SECURITY.md, connections).

    Args:
        engine: Whose pool it is taken from.
    """

    __slots__ = ("_fairy", "_pool")

    def __init__(self, engine: AsyncEngine) -> None:
        self._pool = engine.pool
        self._fairy: Any = None

    async def __aenter__(self) -> Any:
        self._fairy = await greenlet_spawn(self._pool.connect)
        return self._fairy.driver_connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        fairy = self._fairy
        if is_cut(error) or (error is not None and fairy.driver_connection.is_closed()):
            # What cut this one has cut the others: the pool replaces them all, as it does for
            # an engine's own connections.
            fairy.driver_connection.terminate()
            self._pool._invalidate(fairy, error)  # pyright: ignore[reportPrivateUsage]
        elif error is not None and not isinstance(error, Exception):
            fairy.driver_connection.terminate()
            fairy.invalidate(error)
        # Nothing was begun through SQLAlchemy, so its reset sends nothing and needs no greenlet.
        fairy.close()

"""One replica: whether it answers, and how far it has come."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ..errors import SetupError
from ..isolation import CompiledQuery, RowIsolation, SchemaIsolation

__all__ = ["Replica"]

_log = logging.getLogger("fraiseql_strawberry")

_POSITION = """
    SELECT CASE WHEN pg_is_in_recovery()
                THEN pg_snapshot_xmin(pg_current_snapshot())::text::bigint END
"""

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0


class Replica:
    """Reads of one replica, by the same strategy as the primary's.

    Args:
        isolation: The strategy, on the replica's own engine.
        name: What the log calls it; no secret is in it.
        clock: Seconds that never go backwards.
    """

    def __init__(
        self,
        isolation: RowIsolation | SchemaIsolation,
        name: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._isolation = isolation
        self._clock = clock
        self._started = False
        self._pause = _FIRST_PAUSE
        self._retry_at = float("-inf")
        self.name = name
        self.ready = False
        self.xmin: int | None = 0
        """The oldest transaction it may be waiting for; None where only time tells."""

    @property
    def due(self) -> bool:
        """Whether one that does not answer is to be tried again."""
        return not self.ready and self._retry_at <= self._clock()

    async def read(self, tenant_id: str, query: CompiledQuery) -> str | None:
        """Run a compiled read there (see `Isolation.read`)."""
        return await self._isolation.read(tenant_id, query)

    async def open(self) -> None:
        """Look at its role and at how far it has come; afterwards it is ready.

        Raises:
            SetupError: When its role is unsafe.
            ServiceUnavailable: When it does not answer.
        """
        try:
            if self._started:
                await self._isolation.verify()
            else:
                await self._isolation.start()
            self._started = True
            await self.look()
        except BaseException as error:
            self.fail(error)
            raise
        _log.info("the replica %s serves reads", self.name)
        self.ready = True
        self._pause = _FIRST_PAUSE

    async def look(self) -> None:
        """Ask how far it has come.

        Raises:
            ServiceUnavailable: When it does not answer.
        """
        async with self._isolation.connected() as connection:
            self.xmin = (await connection.exec_driver_sql(_POSITION)).scalar_one()

    def fail(self, error: BaseException) -> None:
        """Leave it alone for a while, longer each time."""
        if self.ready or isinstance(error, SetupError):
            _log.warning("the replica %s serves no reads, the primary does: %s", self.name, error)
        self.ready = False
        self._retry_at = self._clock() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    async def stop(self) -> None:
        """Close its connections."""
        await self._isolation.stop()

"""Connections for reads of one round trip: asyncpg's own call on SQLAlchemy's pooled connections.

Connections, limits and budget are SQLAlchemy's pool's. While other reads wait, a connection goes
from one read to the next without going back to the pool, which costs more than the call itself;
after `HANDOVERS` it does go back, so that sessions that wait for the pool get their turn. A read
that waits for its tenant's turn (`turns`) wakes only after the one before has let its connection
go; so where any do, it stays at hand until the loop has gone round once.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool
from sqlalchemy.util.concurrency import greenlet_spawn

from ..errors import TenantBusy
from ..trouble import is_cut

__all__ = ["HANDOVERS", "Held", "ReadConnections", "Reads", "give_up"]

T = TypeVar("T")

HANDOVERS = 50
_UNPOOLED_LIMIT = 10


class Held:
    """A checked-out connection and how often it was handed over.

    Args:
        fairy: What SQLAlchemy's pool gave.
        slot: Its place among the connections of `SlottedReads`.
    """

    __slots__ = ("driver", "fairy", "handovers", "slot")

    def __init__(self, fairy: Any, slot: int = 0) -> None:
        self.fairy = fairy
        self.driver = fairy.driver_connection
        self.handovers = 0
        self.slot = slot


class Reads(ABC):
    """Runs statements that are a transaction of their own; subclasses say on which connection.

    Args:
        engine: Whose pool is used; no more of it at a time than its fixed size, so that reads
            never make and throw away overflow connections.
        timeout: Seconds that a read waits for a connection.
    """

    def __init__(self, engine: AsyncEngine, *, timeout: float) -> None:
        pool = engine.pool
        self.limit = pool.size() if isinstance(pool, QueuePool) else _UNPOOLED_LIMIT
        self._engine = engine
        self._timeout = timeout
        self._discarding: set[asyncio.Task[None]] = set()

    async def fetchmany(self, statement: str, parameters: list[tuple[Any, ...]]) -> list[Any]:
        """Run a statement once per tuple of parameters, all of it one implicit transaction.

        A connection that was cut, or whose read was cancelled, is discarded: it goes back to the
        pool clean or not at all (SECURITY.md, connections).

        Raises:
            TenantBusy: When no connection became free in time.
        """
        return await self._run(lambda driver: driver.fetchmany(statement, parameters), "")

    async def fetchval(self, statement: str, args: Sequence[Any], schema: str = "") -> Any:
        """Run a statement that gives one value; it is a transaction of its own.

        Args:
            statement: The statement.
            args: Its parameters.
            schema: The schema it reads, where it matters which connection does.

        Raises:
            TenantBusy: When no connection became free in time.
        """
        return await self._run(lambda driver: driver.fetchval(statement, *args), schema)

    async def run(self, call: Callable[[Any], Awaitable[T]], schema: str = "") -> T:
        """Give a connection to a call that leaves it clean, or closed, whatever it raises.

        Args:
            call: Takes asyncpg's connection.
            schema: The schema it works in, where it matters which connection does.

        Raises:
            TenantBusy: When no connection became free in time.
        """
        return await self._run(call, schema)

    async def close(self) -> None:
        """Wait until the connections of cancelled reads are closed."""
        self.settle()
        if self._discarding:
            await asyncio.wait(self._discarding)

    @abstractmethod
    async def acquire(self, schema: str) -> Held:
        """Wait for a connection."""

    @abstractmethod
    def release(self, held: Held) -> None:
        """Give a connection back that can be used further."""

    @abstractmethod
    def lost(self, held: Held) -> None:
        """Give back the place of a connection that is closed."""

    @abstractmethod
    def settle(self) -> None:
        """Give the pool back at once what is in nobody's use."""

    async def _run(self, call: Callable[[Any], Awaitable[T]], schema: str) -> T:
        held = await self.acquire(schema)
        try:
            answer = await call(held.driver)
        except BaseException as error:
            self._part_with(held, error)
            raise
        self.release(held)
        return answer

    def _part_with(self, held: Held, error: BaseException) -> None:
        if is_cut(error) or held.driver.is_closed():
            self.settle()
            # What cut this one has cut the others: the pool replaces them all, as it does for
            # an engine's own connections.
            held.driver.terminate()
            self._engine.pool._invalidate(held.fairy, error)  # pyright: ignore[reportPrivateUsage]
            held.fairy.close()
            self.lost(held)
        elif isinstance(error, Exception):
            self.release(held)
        else:
            # Cancelled: asyncpg is sending a cancel request, which may hit the next statement on
            # this connection. It is closed when that is over, and its place is free then.
            task = asyncio.get_running_loop().create_task(self._discard(held))
            self._discarding.add(task)
            task.add_done_callback(self._discarding.discard)

    async def _discard(self, held: Held) -> None:
        try:
            await greenlet_spawn(held.fairy.invalidate)
        finally:
            held.fairy.close()
            self.lost(held)


class ReadConnections(Reads):
    """Any connection serves any read, in the order in which they came.

    Args:
        engine: As for `Reads`.
        timeout: As for `Reads`.
        crowded: Whether a read may be about to come when another one ends.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        timeout: float,
        crowded: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(engine, timeout=timeout)
        self._crowded = crowded
        self._taken = 0
        self._waiting: deque[asyncio.Future[Held | None]] = deque()
        self._at_hand: deque[Held] = deque()

    async def acquire(self, schema: str) -> Held:
        """Wait for a connection (see `Reads.acquire`)."""
        if self._at_hand:
            held = self._at_hand.popleft()
            held.handovers += 1
            return held
        if self._taken < self.limit:
            self._taken += 1
            return await self._check_out()
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Held | None] = loop.create_future()
        self._waiting.append(turn)
        alarm = loop.call_later(self._timeout, give_up, turn)
        try:
            held = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on(turn.result())  # it was this one's turn in the same moment
            raise
        finally:
            alarm.cancel()
        return held if held is not None else await self._check_out()

    def release(self, held: Held) -> None:
        """Hand it to the next read, or give it back to the pool (see `Reads.release`)."""
        if self._waiting or held.handovers >= HANDOVERS or not self._crowded():
            self._pass_on(held)
            return
        self._at_hand.append(held)
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._rested, held, held.handovers)

    def settle(self) -> None:
        """Give the pool back what is at hand (see `Reads.settle`)."""
        while self._at_hand:
            self._pass_on(self._at_hand.popleft())

    def _rested(self, held: Held, handovers: int) -> None:
        if held.handovers == handovers and held in self._at_hand:
            self._at_hand.remove(held)
            self._pass_on(held)

    def lost(self, held: Held) -> None:
        """The next read connects (see `Reads.lost`)."""
        self._pass_on(None)

    async def _check_out(self) -> Held:
        try:
            return Held(await greenlet_spawn(self._engine.pool.connect))
        except BaseException:
            self._pass_on(None)
            raise

    def _pass_on(self, held: Held | None) -> None:
        if held is not None and (not self._waiting or held.handovers >= HANDOVERS):
            # Nothing was begun through SQLAlchemy, so its reset sends nothing: no greenlet.
            held.fairy.close()
            held = None
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                if held is not None:
                    held.handovers += 1
                turn.set_result(held)
                return
        if held is not None:
            held.fairy.close()
        self._taken -= 1


def give_up(turn: asyncio.Future[Any]) -> None:
    """End the wait of a read, unless its turn has come."""
    if not turn.done():
        turn.set_exception(
            TenantBusy(hint="no connection became free within [database] pool_timeout")
        )

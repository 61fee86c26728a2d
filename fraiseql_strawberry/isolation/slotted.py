"""Reads that go to a connection which knows their schema, if one of two is free soon enough.

Each schema has two of the pool's slots (the power of two choices: one choice leaves some lines long
while other connections idle). A read whose slots are both busy waits in the shorter line, and after
`_PATIENCE` takes whatever connection has nothing else to do.
"""

from __future__ import annotations

import asyncio
from collections import deque

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util.concurrency import greenlet_spawn

from .affinity import home_of, note, slots_of, wanted
from .reading import HANDOVERS, Held, Reads, give_up

__all__ = ["SlottedReads"]

# Seconds. A connection that does not know a schema needs about one millisecond more for a read.
_PATIENCE = 0.2
# Of so many reads in a row from its own line, a connection serves the one that waits longest.
_OWN_IN_A_ROW = 16

_Turn = asyncio.Future["Held | int"]


class SlottedReads(Reads):
    """Reads over an `AffinityPool`."""

    def __init__(self, engine: AsyncEngine, *, timeout: float) -> None:
        super().__init__(engine, timeout=timeout)
        self._busy = [False] * self.limit
        self._lines: list[deque[_Turn]] = [deque() for _ in range(self.limit)]
        self._impatient: deque[_Turn] = deque()

    async def acquire(self, schema: str) -> Held:
        """Wait for a connection, rather one that knows the schema (see `Reads.acquire`)."""
        slots = slots_of(schema, self.limit)
        for slot in slots:
            if not self._busy[slot]:
                self._busy[slot] = True
                return await self._connect(slot, schema)
        loop = asyncio.get_running_loop()
        turn: _Turn = loop.create_future()
        min((self._lines[slot] for slot in slots), key=len).append(turn)
        impatience = loop.call_later(_PATIENCE, self._lose_patience, turn)
        alarm = loop.call_later(self._timeout, give_up, turn)
        try:
            given = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._give_on(turn.result())  # it was this one's turn in the same moment
            raise
        finally:
            impatience.cancel()
            alarm.cancel()
        if isinstance(given, int):
            return await self._connect(given, schema)
        note(given.fairy, schema)
        return given

    def release(self, held: Held) -> None:
        """Hand it to the next read, or give it back to the pool (see `Reads.release`)."""
        self._give_on(held)

    def lost(self, held: Held) -> None:
        """The next read of the slot connects (see `Reads.lost`)."""
        self._give_on(held.slot)

    def settle(self) -> None:
        """There is nothing at hand (see `Reads.settle`)."""

    async def _connect(self, slot: int, schema: str) -> Held:
        try:
            with wanted(slot):
                held = Held(await greenlet_spawn(self._engine.pool.connect), slot)
        except BaseException:
            self._give_on(slot)
            raise
        note(held.fairy, schema)
        return held

    def _give_on(self, given: Held | int) -> None:
        slot = given if isinstance(given, int) else given.slot
        turn = self._next(slot, 0 if isinstance(given, int) else given.handovers)
        if isinstance(given, Held):
            given.handovers += 1
            # One that was lent by another slot goes home: else its own slot's reads would have to
            # borrow too, and so on, for as long as nobody idles.
            if turn is None or given.handovers > HANDOVERS or home_of(given.fairy) != slot:
                # Nothing was begun through SQLAlchemy, so its reset sends nothing: no greenlet.
                given.fairy.close()
                given = slot
        if turn is None:
            self._busy[slot] = False
        else:
            turn.set_result(given)

    def _next(self, slot: int, handovers: int) -> _Turn | None:
        lines = (self._lines[slot], self._impatient)
        for line in reversed(lines) if handovers % _OWN_IN_A_ROW == _OWN_IN_A_ROW - 1 else lines:
            while line:
                turn = line.popleft()
                if not turn.done():
                    return turn
        return None

    def _lose_patience(self, turn: _Turn) -> None:
        if turn.done():
            return
        for slot, busy in enumerate(self._busy):
            if not busy:
                self._busy[slot] = True
                turn.set_result(slot)
                return
        self._impatient.append(turn)

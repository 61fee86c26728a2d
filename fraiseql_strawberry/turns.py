"""How many connections one tenant may hold at a time, so that it cannot take the whole pool."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from .errors import TenantBusy

__all__ = ["TenantTurns"]


class _Line:
    """The turns of one tenant."""

    __slots__ = ("taken", "waiting")

    def __init__(self) -> None:
        self.taken = 0
        self.waiting: deque[asyncio.Future[None]] = deque()


class TenantTurns:
    """Gives each tenant a bounded number of turns; the others wait in order.

    Args:
        limit: The turns of one tenant at a time.
        timeout: Seconds that a turn is waited for.
    """

    def __init__(self, limit: int, *, timeout: float) -> None:
        self.limit = limit
        self._timeout = timeout
        self._lines: dict[str, _Line] = {}
        self._waiting = 0

    def anyone_waits(self) -> bool:
        """Whether a turn that is given back is somebody's next."""
        return self._waiting > 0

    def __len__(self) -> int:
        return len(self._lines)

    def take(self, tenant_id: str) -> bool:
        """Take a turn if there is one now, without waiting."""
        line = self._lines.get(tenant_id)
        if line is None:
            line = self._lines[tenant_id] = _Line()
        elif line.taken >= self.limit or line.waiting:
            return False
        line.taken += 1
        return True

    async def wait(self, tenant_id: str) -> None:
        """Take a turn when it comes.

        Raises:
            TenantBusy: When none came in time.
        """
        if self.take(tenant_id):
            return
        line = self._lines[tenant_id]
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.waiting.append(turn)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._timeout):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.give_back(tenant_id)  # it was this one's turn in the same moment
            else:
                with suppress(ValueError):  # whoever gave a turn back may have passed over it
                    line.waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise TenantBusy(
                    hint=f"tenant {tenant_id} holds its {self.limit} connections already: "
                    "[database] tenant_limit"
                ) from error
            raise
        finally:
            self._waiting -= 1

    def give_back(self, tenant_id: str) -> None:
        """End a turn; whoever waits longest has it next."""
        line = self._lines[tenant_id]
        while line.waiting:
            turn = line.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        line.taken -= 1
        if not line.taken:
            del self._lines[tenant_id]

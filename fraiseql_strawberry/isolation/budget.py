"""A budget of physical connections over all engines of one process.

A permit is a socket: it is taken before the socket is made and given back once it is closed,
whoever closed it. Where the budget is spent, the connection that has been idle for longest is
closed for the tenant that waits; one in use never is. Tenants are served in turn, so that the
long line of one does not keep another waiting.

A statement that is cancelled needs a second socket for a moment. A twentieth of the budget is kept
for those, so that sockets never exceed it, not even when every client goes away at once.

Everything here runs on one event loop, between two awaits: there are no locks.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import NamedTuple, Protocol

__all__ = ["BudgetState", "ConnectionBudget", "Member"]


_CANCEL_SHARE = 20


class Member(Protocol):
    """A pool that lives on the budget."""

    @property
    def waits(self) -> bool:
        """Whether anybody waits in this pool, for a connection new or used."""
        ...

    @property
    def wants(self) -> int:
        """How many new connections those who wait could make now."""
        ...

    @property
    def overdue(self) -> bool:
        """Whether they have waited so long that others should close connections for them."""
        ...

    def grant(self) -> None:
        """Take a permit for the one who has waited longest."""
        ...

    def reclaim(self) -> bool:
        """Begin to close the oldest idle connection; says `reclaimed` once it is closed.

        Returns:
            Whether another is idle.
        """
        ...


class BudgetState(NamedTuple):
    """What the budget is used for; for logs and metrics."""

    limit: int
    taken: int
    waiting: int


class ConnectionBudget:
    """Permits for physical connections.

    Args:
        sockets: How many there may be at a time; two or more.

    Attributes:
        limit: The permits: what is left of them beside the sockets of cancel requests.
        cancels: The turns of cancel requests.
    """

    def __init__(self, sockets: int) -> None:
        cancels = max(1, sockets // _CANCEL_SHARE)
        self.limit = max(1, sockets - cancels)
        self.cancels = asyncio.Semaphore(cancels)
        self._taken = 0
        self._reclaiming = 0
        self._idle: OrderedDict[Member, None] = OrderedDict()  # least recently used first
        self._hungry: OrderedDict[Member, None] = OrderedDict()  # whose turn it is first

    @property
    def state(self) -> BudgetState:
        """What the budget is used for now."""
        return BudgetState(self.limit, self._taken, sum(member.wants for member in self._hungry))

    def take(self) -> bool:
        """Take a permit if one is left; nobody who waits is overtaken by that (see `settle`)."""
        if self._taken >= self.limit:
            return False
        self._taken += 1
        return True

    def give_back(self) -> None:
        """Give a permit back: its socket is closed, or was never made."""
        self._taken -= 1
        self.settle()

    def wait_for(self, member: Member) -> None:
        """Serve `member` when its turn comes; called whenever somebody begins to wait in it."""
        if member not in self._hungry:
            self._hungry[member] = None
        self.settle()

    def holds_idle(self, member: Member) -> None:
        """`member` has just been given an idle connection back: it is used last of all."""
        self._idle[member] = None
        self._idle.move_to_end(member)
        if self._hungry:
            self.settle()

    def holds_none(self, member: Member) -> None:
        """`member` has no idle connection left."""
        self._idle.pop(member, None)

    def is_owed_by(self, member: Member) -> bool:
        """Whether `member` should close a connection for others rather than use it again.

        A tenant goes on with its own connections for a moment first: closing one and making
        another costs more than many reads do. Either way, its next turn comes after the others'.
        """
        if not self._hungry:
            return False
        if member in self._hungry:
            self._hungry.move_to_end(member)
        owed = sum(other.wants for other in self._hungry if other is not member and other.overdue)
        return owed > self._reclaiming

    def reclaiming(self) -> None:
        """A connection is being closed for somebody who waits."""
        self._reclaiming += 1

    def reclaimed(self) -> None:
        """That is done."""
        self._reclaiming -= 1
        self.settle()

    def settle(self) -> None:
        """Give the permits that are left to whoever waits, and close idle connections for the rest.

        Called after whatever may have changed something; so while a permit is left, nobody waits
        who could use it.
        """
        served = True
        while served and self._taken < self.limit:
            served = False
            for member in tuple(self._hungry):
                if self._taken >= self.limit:
                    break
                if not member.wants:  # its tenant has its share, or its server takes no more now
                    continue
                self._taken += 1
                member.grant()
                self._hungry.move_to_end(member)  # the next permit is another tenant's
                served = True
        self._reclaim()

    def _reclaim(self) -> None:
        wanted = 0
        for member in tuple(self._hungry):
            if member.waits:
                wanted += member.wants
            else:
                del self._hungry[member]
        while self._reclaiming < wanted and self._idle:
            member = next(iter(self._idle))
            if not member.reclaim():
                self._idle.pop(member, None)

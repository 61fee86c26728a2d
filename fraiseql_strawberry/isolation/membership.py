"""What a tenant's pool lives on: the budget, and the gates of its server and of its own."""

from __future__ import annotations

from ..errors import TenantBusy
from .budget import ConnectionBudget
from .gate import Gate

__all__ = ["Membership"]


class Membership:
    """What a pool lives on.

    Args:
        budget: Permits for connections.
        server: Who may connect to the tenant's server.
        limit: The most connections that the tenant may have.
        timeout: Seconds that a connection is waited for.
    """

    def __init__(
        self, budget: ConnectionBudget, server: Gate, *, limit: int, timeout: float
    ) -> None:
        self.budget = budget
        self.server = server
        self.tenant = Gate(limit)
        self.timeout = timeout
        self.permit = False

    @property
    def openings(self) -> int:
        """How many connections may be begun now."""
        return min(self.server.openings, self.tenant.openings)

    def refuse(self) -> None:
        """Raise what the last attempt to connect met with, for a moment after it."""
        self.server.refuse()
        self.tenant.refuse()

    def begin(self) -> None:
        """A connection is being made."""
        self.server.begin()
        self.tenant.begin()

    def end(self) -> None:
        """It is made, or was given up."""
        self.server.end()
        self.tenant.end()

    def use_permit(self) -> None:
        """Spend a permit on a socket that is made at once.

        Raises:
            TenantBusy: When SQLAlchemy replaces a connection by itself, and no permit is left.
        """
        if self.permit:
            self.permit = False
        elif not self.budget.take():
            raise self.why_none()

    def why_none(self) -> TenantBusy:
        """The error of one who waited in vain to make a connection."""
        if not self.openings:
            return TenantBusy(hint="the tenant's server is slow to take connections")
        return TenantBusy(
            hint=f"the {self.budget.limit} connections of this process are all in use: "
            "[multitenancy.routing] max_connections"
        )

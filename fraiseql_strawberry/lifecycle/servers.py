"""The servers that tenants' databases are on, as the administrator reaches them.

The role and its password are the administrator's own, the same on every server; so are those of the
migrator (see `migrate.database_fleet`).
"""

from __future__ import annotations

from ..errors import BadUserInput, PlacementRefused
from ..isolation.tenant_url import TenantUrlRules, parse_tenant_url
from .administrator import Administrator
from .records import TenantRecord

__all__ = ["Servers"]


class Servers:
    """Finds the administrator of each server.

    Args:
        administrator: Connects to the control database, on a server of its own or of tenants.
        allowed_hosts: The `[multitenancy.routing] allowed_hosts`; none admits any.
    """

    def __init__(self, administrator: Administrator, allowed_hosts: tuple[str, ...] = ()) -> None:
        self._administrator = administrator
        self._rules = TenantUrlRules(allowed_hosts=allowed_hosts)

    def of(self, record: TenantRecord) -> Administrator:
        """Of the server that a tenant's database is on."""
        return self.named(record.placement.get("server"))

    def named(self, server: str | None) -> Administrator:
        """Of a server.

        Args:
            server: As `canonical` writes it.
        """
        if server is None:
            return self._administrator
        host, _, port = server.rpartition(":")
        return self._administrator.at(host.strip("[]"), int(port))

    def canonical(self, server: str) -> str | None:
        """A server as placements name it: None for the control database's own.

        Args:
            server: "host:port", or a host whose port is 5432.

        Raises:
            BadUserInput: It is no such thing, or not among the allowed hosts.
        """
        try:
            known = parse_tenant_url(f"postgresql://role@{server}/database", self._rules).server
        except PlacementRefused as error:
            raise BadUserInput(
                f"{server!r} is no host:port that [multitenancy.routing] allowed_hosts admits"
            ) from error
        return None if known == self._administrator.server else known

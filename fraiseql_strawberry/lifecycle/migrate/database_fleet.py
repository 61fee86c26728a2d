"""Database isolation: a place for each database that the registry names, on any server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from sqlalchemy import make_url

from ...config import Config
from ...config.secret import SecretUrl
from ...errors import SetupError
from ...isolation.tenant_password import PasswordRules
from ...isolation.tenant_url import TenantUrl, TenantUrlRules, parse_tenant_url
from .connecting import Driver, open_driver
from .ledger import finished_revisions
from .places import Place, Revisions, Selection
from .rules import Rules, migrator_url
from .tenant_rows import TenantRow, refuse_missing, tenant_rows
from .versions import read_versions

__all__ = ["DatabaseFleet"]

_AT_ONCE = 16


class DatabaseFleet:
    """The fleet of databases (see `Fleet`).

    The registry is read as the service reads it, and names host and database. The role and its
    password are the migrator's own, the same on every server.
    """

    def __init__(self, config: Config) -> None:
        routing = config.multitenancy.routing
        self.rules = Rules.of(config)
        self.control = migrator_url(config)
        self._migrator = make_url(self.control.reveal())
        self._registry = config.require_registry_url()
        self._table = routing.registry_table
        self._urls = TenantUrlRules(
            allowed_hosts=routing.allowed_hosts,
            passwords=PasswordRules(
                variables=routing.password_variables, files=routing.password_files
            ),
        )

    @property
    def in_control(self) -> bool:
        """Another database has the ledger (see `Fleet.in_control`)."""
        return False

    @property
    def listened(self) -> SecretUrl | None:
        """The registry's; the service's own role may only read it (see `Fleet.listened`)."""
        there = make_url(self._registry.reveal())
        url = self._migrator.set(
            drivername="postgresql", host=there.host, port=there.port, database=there.database
        )
        if url == self._migrator.set(drivername="postgresql"):
            return None
        if (sslmode := there.query.get("sslmode")) is not None:
            url = url.update_query_dict({"sslmode": sslmode})
        return SecretUrl(url.render_as_string(hide_password=False))

    async def places(self, control: Driver, selection: Selection) -> list[Place]:
        """One for each row of the registry (see `Fleet.places`)."""
        chosen = await self._tagged(control, selection)
        async with open_driver(self._registry) as registry:
            rows = await tenant_rows(registry, self._table, chosen)
        places = [self._place(row) for row in rows or () if row.has_tables and row.database_url]
        refuse_missing(chosen, places)
        return places

    async def revisions(
        self, control: Driver, places: Sequence[Place], *, recheck: bool = False
    ) -> Mapping[Place, Revisions]:
        """What the ledger says, and the database where it does not (see `Fleet.revisions`)."""
        known: dict[str, Revisions] = {}
        if not recheck:
            known = await finished_revisions(control, [place.tenant for place in places])
        found = {place: known[place.tenant] for place in places if place.tenant in known}
        permits = asyncio.Semaphore(_AT_ONCE)

        async def ask(place: Place) -> None:
            async with permits, open_driver(place.url) as driver:
                table = self.rules.version_table
                versions = await read_versions(driver, table, [place.version_schema])
                found[place] = versions[place.version_schema]

        async with asyncio.TaskGroup() as tasks:
            for place in places:
                if place not in found:
                    tasks.create_task(ask(place))
        return found

    def _place(self, row: TenantRow) -> Place:
        named = parse_tenant_url(row.database_url or "", self._urls)
        home = self.rules.home
        return Place(row.id, self._as_migrator(named), home, home)

    def _as_migrator(self, named: TenantUrl) -> SecretUrl:
        url = self._migrator.set(
            drivername="postgresql", host=named.host, port=named.port, database=named.database
        )
        if named.sslmode is not None:
            url = url.update_query_dict({"sslmode": named.sslmode})
        return SecretUrl(url.render_as_string(hide_password=False))

    async def _tagged(self, control: Driver, selection: Selection) -> Selection:
        """Tags stand in the records of tenants, beside the ledger."""
        if not selection.tags:
            return selection
        rows = await tenant_rows(control, None, selection)
        if rows is None:
            raise SetupError(
                "--tag: tags stand in the table fraiseql.tenants, and there is none in the "
                "migrator's database"
            )
        # Nobody may mean everybody: an empty selection would.
        return Selection(tenants=tuple(row.id for row in rows) or ("",))

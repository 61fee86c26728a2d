"""A database for each tenant, copied from a template or claimed from the warm pool."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from ...errors import TenantConflict
from ...isolation.schema_name import SchemaNames
from ...sql.catalog import quoted
from ...tenant import TenantStatus
from ..administrator import Administrator, AdminTransaction, Driver
from ..database_template import (
    DATABASE_QUERIES,
    DatabaseTemplates,
    TemplateGone,
    drop_database,
    make_database,
    scope_of,
)
from ..migrations import Migrations, MigrationTarget, require_migrations
from ..queries import named_queries
from ..records import Records, TenantRecord
from ..residue import named_for
from ..routes import Routes
from ..servers import Servers
from ..tables import TenantTable, read_tables
from ..template import Template, TemplateReport, new_name
from ..warm import WARM_PREFIX, WarmPool

__all__ = ["DatabasePlaces"]

_QUERIES = named_queries("places")
_ATTEMPTS = 3


class DatabasePlaces:
    """The places of tenants that have a database each: new ones are on the administrator's server.

    Args:
        administrator: Connects to the control database, which is the registry's, and its server.
        records: The tenants.
        names: Names the database of each tenant.
        routes: Says to requests where it is.
        servers: Where it may be.
        migrations: What makes its tables, if anything does.
        setting: The PostgreSQL setting that holds the tenant.
        service: The role that the service connects as, if it is known.
    """

    name = "database"

    def __init__(
        self,
        administrator: Administrator,
        records: Records,
        *,
        names: SchemaNames,
        routes: Routes,
        servers: Servers,
        migrations: Migrations | None,
        setting: str,
        service: str | None,
    ) -> None:
        self._administrator = administrator
        self._records = records
        self._names = names
        self._routes = routes
        self.servers = servers
        self._migrations = migrations
        self._setting = setting
        self._service = service
        self.templates = DatabaseTemplates(administrator, service)
        self.warm = WarmPool()
        self._warm_prefix = WARM_PREFIX + scope_of(administrator)

    def placement(self, tenant_id: str) -> Mapping[str, Any]:
        """The database's name (see `Places.placement`)."""
        return {"database": self._names.of(tenant_id)}

    async def refuse_taken(self, driver: Driver, record: TenantRecord) -> None:
        """No database of that name may be there (see `Places.refuse_taken`)."""
        name = self.database_of(record)
        if await driver.fetchval(DATABASE_QUERIES["exists"], name):
            raise TenantConflict(
                f"There is a database {name} already, and no tenant {record.id}",
                hint="rename it or drop it; or write its tenant down as active yourself",
            )

    def database_of(self, record: TenantRecord) -> str:
        """The database's name; a record that is older than the lifecycle does not say it."""
        return str(record.placement.get("database") or self._names.of(record.id))

    # -- making -------------------------------------------------------------------------------

    async def make(self, record: TenantRecord) -> TenantRecord:
        """Claim or copy the database (see `Places.make`).

        CREATE DATABASE stands in no transaction; but it leaves a whole database or none, and its
        name is the tenant's since the record was written.
        """
        made = None
        if record.status is TenantStatus.PROVISIONING:
            await self.templates.ensure(self._migrations)
        async with self._administrator.transaction(lock=f"tenant:{record.id}") as transaction:
            driver = transaction.driver
            record = await self._records.get(driver, record.id, lock=True)
            if record.status is TenantStatus.PROVISIONING:
                made = await self._make(driver, self.database_of(record))
                record = await self._records.set_status(driver, record.id, TenantStatus.MIGRATING)
        if record.status is TenantStatus.MIGRATING:
            await self._bring_to_head(record, made)
        return record

    async def _make(self, driver: Driver, name: str) -> Template:
        for _ in range(_ATTEMPTS):
            template = await self.templates.current(driver)
            if template is None:
                require_migrations(self._migrations)
                raise TenantConflict("The template went away meanwhile: try again")
            there = await driver.fetchval(DATABASE_QUERIES["exists"], name)
            warm = None if there else await self.warm.claim(driver, template)
            if warm is not None:
                await driver.execute(f"ALTER DATABASE {quoted(warm)} RENAME TO {quoted(name)}")
                return template
            try:
                await make_database(self._administrator, name, template.name)
            except TemplateGone:
                continue
            return template
        raise TenantConflict("The template is made anew again and again: try later")

    async def _bring_to_head(self, record: TenantRecord, made: Template | None) -> None:
        if self._migrations is None:
            return
        if made is not None and made.revision == await self._migrations.head():
            return
        target = MigrationTarget(self.servers.of(record).url_of(self.database_of(record)))
        async with self._administrator.transaction(lock=f"tenant:{record.id}"):
            if await self._migrations.revision(target) != await self._migrations.head():
                await self._migrations.upgrade(target)

    async def renew_template(self) -> TemplateReport:
        """Another template database (see `Places.renew_template`)."""
        template = await self.templates.build(require_migrations(self._migrations))
        await self._drop_outdated()
        return TemplateReport(template.name, template.revision, await self.templates.prune())

    async def refill(self, wanted: int) -> int:
        """Make and drop databases (see `Places.refill`)."""
        made = 0
        await self._drop_outdated()
        while True:
            async with self._administrator.transaction(lock="warm.database") as transaction:
                driver = transaction.driver
                template = await self.templates.current(driver)
                if template is None or await self.warm.count(driver, template) >= wanted:
                    return made
                name = new_name(self._warm_prefix)
                await make_database(self._administrator, name, template.name)
                await self.warm.add(driver, template, name)
                made += 1

    async def _drop_outdated(self) -> None:
        """Drop the ready databases of earlier templates, and those that nobody wrote down."""
        async with self._administrator.transaction(lock="warm.database") as transaction:
            driver = transaction.driver
            outdated = await self.warm.outdated(driver, "database")
            pattern = self._warm_prefix.replace("_", r"\_") + "%"
            rows = await driver.fetch(DATABASE_QUERIES["warm_orphans"], pattern)
            orphans = [row["name"] for row in rows]
            async with self._administrator.connect() as connection:
                for name in (*outdated, *orphans):
                    await drop_database(connection, name)
            for name in outdated:
                await self.warm.remove(driver, name)

    # -- using --------------------------------------------------------------------------------

    @asynccontextmanager
    async def inside(
        self, record: TenantRecord, *, snapshot: bool = False
    ) -> AsyncGenerator[AdminTransaction]:
        """The tenant's database (see `Places.inside`)."""
        database = self.database_of(record)
        server = self.servers.of(record)
        async with server.transaction(database=database, snapshot=snapshot) as one:
            yield one

    @asynccontextmanager
    async def within(
        self, control: AdminTransaction, record: TenantRecord
    ) -> AsyncGenerator[AdminTransaction]:
        """A transaction of its own, which ends before the control one (see `Places.within`)."""
        async with self.inside(record) as transaction:
            yield transaction

    async def is_filled(self, transaction: AdminTransaction, record: TenantRecord) -> bool:
        """Whether the database says so (see `Places.is_filled`)."""
        return bool(await transaction.driver.fetchval(DATABASE_QUERIES["filled"]))

    async def mark_filled(self, transaction: AdminTransaction, record: TenantRecord) -> None:
        """A comment on the database, in the transaction of the rows (see `Places.mark_filled`)."""
        name = quoted(self.database_of(record))
        comment = f"fraiseql: filled, the database of tenant {record.id}"
        await transaction.driver.execute(f"COMMENT ON DATABASE {name} IS '{comment}'")

    async def become(self, transaction: AdminTransaction, record: TenantRecord) -> None:
        """The service's role and path (see `Places.become`)."""
        driver = transaction.driver
        await driver.execute(_QUERIES["become"], None, self._service or "")
        await driver.execute(_QUERIES["set_tenant"], self._setting, record.id)
        if self._service is not None:
            await driver.execute(_QUERIES["take_role"], self._service)

    async def tables(self, driver: Driver, record: TenantRecord) -> Sequence[TenantTable]:
        """Every table of the database (see `Places.tables`)."""
        return await read_tables(driver)

    async def revision(self, record: TenantRecord) -> str | None:
        """What the database was migrated to (see `Places.revision`)."""
        if self._migrations is None:
            return None
        url = self.servers.of(record).url_of(self.database_of(record))
        return await self._migrations.revision(MigrationTarget(url))

    def owner(self, record: TenantRecord) -> str | None:
        """All rows of the database are the tenant's (see `Places.owner`)."""
        return None

    async def settle(self, driver: Driver, record: TenantRecord) -> None:
        """The row of the routing table (see `Places.settle`)."""
        await self._routes.write(driver, record, self.database_of(record))

    async def reroute(self, driver: Driver, record: TenantRecord) -> None:
        """Send its requests to the server that the record names, in the caller's transaction."""
        server = self.servers.of(record).server
        await self._routes.move(driver, record.id, server, self.database_of(record))

    def server(self, record: TenantRecord) -> Administrator:
        """The server that its database is on (see `Places.server`)."""
        return self.servers.of(record)

    # -- removing -----------------------------------------------------------------------------

    async def remove(self, record: TenantRecord) -> None:
        """Drop the database, with the connections to it (see `Places.remove`)."""
        async with self.servers.of(record).connect() as connection:
            await drop_database(connection, self.database_of(record))

    async def forget(self, driver: Driver, record: TenantRecord) -> None:
        """Take the row of the routing table away (see `Places.forget`)."""
        await self._routes.remove(driver, record)

    async def exists(self, record: TenantRecord) -> bool:
        """Whether the database is there (see `Places.exists`)."""
        async with self.servers.of(record).connect() as connection:
            name = self.database_of(record)
            return bool(await connection.fetchval(DATABASE_QUERIES["exists"], name))

    async def remains(self, record: TenantRecord) -> Sequence[str]:
        """The database (see `Places.remains`)."""
        return [f"database {self.database_of(record)}"] if await self.exists(record) else []

    async def residue(self, record: TenantRecord) -> Mapping[str, int | None]:
        """Rows of the control database that name the tenant (see `Places.residue`)."""
        async with self._administrator.transaction() as transaction:
            found = await named_for(transaction.driver, record.id)
        return {place: rows for place, rows in found.items() if not self._routes.holds(place)}

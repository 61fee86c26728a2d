"""A schema for each tenant, copied from a template, claimed from the warm pool, or migrated."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from ...errors import TenantConflict
from ...isolation.schema_name import SchemaNames
from ...sql.catalog import quoted
from ...tenant import TenantStatus
from ..administrator import Administrator, AdminTransaction, Driver
from ..migrations import Migrations, MigrationTarget, require_migrations
from ..queries import named_queries
from ..records import Records, TenantRecord
from ..residue import named_for
from ..schema_template import SCHEMA_QUERIES, SchemaTemplates, grant_service, make_schema
from ..tables import TenantTable, read_tables
from ..template import Template, TemplateReport, new_name
from ..warm import NOBODYS, WARM_PREFIX, WarmPool

__all__ = ["SchemaPlaces"]

_QUERIES = named_queries("places")
_OUTSIDERS = named_queries("tables")["outsiders"]


class SchemaPlaces:
    """The places of tenants that have a schema each.

    Args:
        administrator: Connects to the one database.
        records: The tenants.
        names: Names the schema of each tenant.
        migrations: What makes its tables, if anything does.
        service: The role that the service connects as, if it is known.
        owner: The role that owns the schemas; the administrator by default.
        roles: Names the role of each tenant; None for none.
        shared: Schemas that every tenant may also read.
    """

    name = "schema"

    def __init__(
        self,
        administrator: Administrator,
        records: Records,
        *,
        names: SchemaNames,
        migrations: Migrations | None,
        service: str | None,
        owner: str | None = None,
        roles: SchemaNames | None = None,
        shared: Sequence[str] = (),
    ) -> None:
        self._administrator = administrator
        self._records = records
        self._names = names
        self._migrations = migrations
        self._service = service
        self._owner = owner
        self._roles = roles
        self._shared = shared
        self.templates = SchemaTemplates(administrator, service, owner)
        self.warm = WarmPool()

    def placement(self, tenant_id: str) -> Mapping[str, Any]:
        """The schema's name (see `Places.placement`)."""
        return {"schema": self._names.of(tenant_id)}

    async def refuse_taken(self, driver: Driver, record: TenantRecord) -> None:
        """No schema of that name may be there (see `Places.refuse_taken`)."""
        schema = self._schema_of(record)
        if await driver.fetchval(SCHEMA_QUERIES["exists"], quoted(schema)):
            raise TenantConflict(
                f"There is a schema {schema} already, and no tenant {record.id}",
                hint="rename it or drop it; or write its tenant down as active yourself",
            )

    def _schema_of(self, record: TenantRecord) -> str:
        """The schema's name; a record that is older than the lifecycle does not say it."""
        return str(record.placement.get("schema") or self._names.of(record.id))

    # -- making -------------------------------------------------------------------------------

    async def make(self, record: TenantRecord) -> TenantRecord:
        """Copy, claim or migrate the schema (see `Places.make`).

        Schema and status are one transaction: whoever is killed leaves both or none.
        """
        made = None
        if record.status is TenantStatus.PROVISIONING:
            await self.templates.ensure(self._migrations)
        async with self._administrator.transaction(lock=f"tenant:{record.id}") as transaction:
            driver = transaction.driver
            record = await self._records.get(driver, record.id, lock=True)
            if record.status is TenantStatus.PROVISIONING:
                made = await self._make(driver, record)
                record = await self._records.set_status(driver, record.id, TenantStatus.MIGRATING)
        if record.status is TenantStatus.MIGRATING:
            await self._bring_to_head(record, made)
        return record

    async def _make(self, driver: Driver, record: TenantRecord) -> Template | None:
        schema = self._schema_of(record)
        template = await self.templates.current(driver)
        if template is None and self._migrations is None:
            require_migrations(None)
        warm = None
        if template is not None and template.renames:
            warm = await self.warm.claim(driver, template)
        if warm is not None:
            await driver.execute(f"ALTER SCHEMA {quoted(warm)} RENAME TO {quoted(schema)}")
        else:
            script = None if template is None else template.script
            await make_schema(driver, schema, script, owner=self._owner)
        role = "" if self._roles is None else self._roles.of(record.id)
        names = (schema, self._service or "", role, warm or "")
        await driver.execute(SCHEMA_QUERIES["set_names"], *names)
        if warm is not None:
            await driver.execute(SCHEMA_QUERIES["repin"])
        if role and template is not None:
            await driver.execute(SCHEMA_QUERIES["hand_to_role"])
        return template

    async def _bring_to_head(self, record: TenantRecord, made: Template | None) -> None:
        if self._migrations is None:
            return
        if made is not None and made.revision == await self._migrations.head():
            return
        schema = self._schema_of(record)
        target = MigrationTarget(self._administrator.url_of(), schema)
        # Nobody else migrates this tenant meanwhile; the lock goes with the process.
        async with self._administrator.transaction(lock=f"tenant:{record.id}") as transaction:
            if await self._migrations.revision(target) == await self._migrations.head():
                return
            await self._migrations.upgrade(target)
            await grant_service(transaction.driver, schema, self._service)
            if self._roles is not None:
                names = (schema, self._service or "", self._roles.of(record.id), "")
                await transaction.driver.execute(SCHEMA_QUERIES["set_names"], *names)
                await transaction.driver.execute(SCHEMA_QUERIES["hand_to_role"])

    async def renew_template(self) -> TemplateReport:
        """Another template schema (see `Places.renew_template`)."""
        template = await self.templates.build(require_migrations(self._migrations))
        await self._drop_outdated()
        return TemplateReport(template.name, template.revision, await self.templates.prune())

    async def refill(self, wanted: int) -> int:
        """Make and drop schemas (see `Places.refill`)."""
        made = 0
        await self._drop_outdated()
        while True:
            # One lock for all: two processes that refill would make twice as many.
            async with self._administrator.transaction(lock="warm.schema") as transaction:
                driver = transaction.driver
                template = await self.templates.current(driver)
                if template is None or template.script is None or not template.renames:
                    return made
                if await self.warm.count(driver, template) >= wanted:
                    return made
                name = new_name(WARM_PREFIX)
                await make_schema(driver, name, template.script)
                await self.warm.add(driver, template, name)
                made += 1

    async def _drop_outdated(self) -> None:
        """Drop the ready schemas of templates that had their time."""
        async with self._administrator.transaction(lock="warm.schema") as transaction:
            for name in await self.warm.outdated(transaction.driver, "schema"):
                await transaction.driver.execute(f"DROP SCHEMA IF EXISTS {quoted(name)} CASCADE")
                await self.warm.remove(transaction.driver, name)

    # -- using --------------------------------------------------------------------------------

    @asynccontextmanager
    async def inside(
        self, record: TenantRecord, *, snapshot: bool = False
    ) -> AsyncGenerator[AdminTransaction]:
        """The one database (see `Places.inside`)."""
        async with self._administrator.transaction(snapshot=snapshot) as transaction:
            yield transaction

    @asynccontextmanager
    async def within(
        self, control: AdminTransaction, record: TenantRecord
    ) -> AsyncGenerator[AdminTransaction]:
        """The control transaction itself (see `Places.within`)."""
        yield control

    async def is_filled(self, transaction: AdminTransaction, record: TenantRecord) -> bool:
        """Rows and status are one transaction (see `Places.is_filled`)."""
        return False

    async def mark_filled(self, transaction: AdminTransaction, record: TenantRecord) -> None:
        """There is nothing to mark (see `Places.mark_filled`)."""

    async def become(self, transaction: AdminTransaction, record: TenantRecord) -> None:
        """The tenant's path and role (see `Places.become`)."""
        names = (self._schema_of(record), *self._shared, "pg_temp")
        path = ", ".join(map(quoted, names))
        driver = transaction.driver
        await driver.execute(_QUERIES["become"], path, "")
        role = self._service if self._roles is None else self._roles.of(record.id)
        if role is not None:
            await driver.execute(_QUERIES["take_role"], role)

    async def tables(self, driver: Driver, record: TenantRecord) -> Sequence[TenantTable]:
        """Every table of the schema (see `Places.tables`)."""
        return await read_tables(driver, schema=self._schema_of(record))

    async def revision(self, record: TenantRecord) -> str | None:
        """What the schema was migrated to (see `Places.revision`)."""
        if self._migrations is None:
            return None
        target = MigrationTarget(self._administrator.url_of(), self._schema_of(record))
        return await self._migrations.revision(target)

    def owner(self, record: TenantRecord) -> str | None:
        """All rows of the schema are the tenant's (see `Places.owner`)."""
        return None

    async def settle(self, driver: Driver, record: TenantRecord) -> None:
        """The record is what requests go by (see `Places.settle`)."""

    def server(self, record: TenantRecord) -> Administrator:
        """The one server (see `Places.server`)."""
        return self._administrator

    # -- removing -----------------------------------------------------------------------------

    async def remove(self, record: TenantRecord) -> None:
        """Drop the schema, and the tenant's role (see `Places.remove`)."""
        schema = self._schema_of(record)
        async with self._administrator.transaction(lock=f"tenant:{record.id}") as transaction:
            driver = transaction.driver
            if await driver.fetchval(SCHEMA_QUERIES["exists"], quoted(schema)):
                outsiders = await driver.fetch(_OUTSIDERS, quoted(schema))
                if outsiders:
                    objects = ", ".join(row["object"] for row in outsiders)
                    raise TenantConflict(
                        f"DROP SCHEMA {schema} CASCADE would take along what is not the tenant's: "
                        f"{objects}. Drop that first, or let it not depend on the schema"
                    )
                await driver.execute(f"DROP SCHEMA {quoted(schema)} CASCADE")
            if self._roles is not None:
                await self._drop_role(driver, self._roles.of(record.id))

    async def _drop_role(self, driver: Driver, role: str) -> None:
        try:
            async with driver.transaction():
                await driver.execute(f"DROP ROLE IF EXISTS {quoted(role)}")
        except asyncpg.DependentObjectsStillExistError as error:
            raise TenantConflict(
                f"the role {role} still owns or may do something elsewhere: {error.detail}"
            ) from error

    async def forget(self, driver: Driver, record: TenantRecord) -> None:
        """The record was what requests went by (see `Places.forget`)."""

    async def exists(self, record: TenantRecord) -> bool:
        """Whether the schema is there (see `Places.exists`)."""
        async with self.inside(record) as transaction:
            schema = quoted(self._schema_of(record))
            return bool(await transaction.driver.fetchval(SCHEMA_QUERIES["exists"], schema))

    async def remains(self, record: TenantRecord) -> Sequence[str]:
        """The schema (see `Places.remains`)."""
        return [f"schema {self._schema_of(record)}"] if await self.exists(record) else []

    async def residue(self, record: TenantRecord) -> Mapping[str, int | None]:
        """Rows that name the tenant, outside of all tenants' schemas (see `Places.residue`)."""
        async with self.inside(record) as transaction:
            others = (self._names.pattern, *NOBODYS)
            return await named_for(transaction.driver, record.id, others=others)

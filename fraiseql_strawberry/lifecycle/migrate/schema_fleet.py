"""Schema isolation: one database, and a place for each tenant in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...config import Config
from ...config.secret import SecretUrl
from ...errors import SetupError
from ...isolation import SchemaNames
from .connecting import Driver
from .places import Place, Revisions, Selection
from .rules import Rules, migrator_url
from .tenant_rows import TenantRow, refuse_missing, tenant_rows
from .texts import PLACES_QUERIES
from .versions import read_versions

__all__ = ["SchemaFleet"]


class SchemaFleet:
    """The fleet of schemas (see `Fleet`).

    Tenants are those of the table of tenants, where there is one; else each schema whose name fits
    `schema_template` is a tenant's. A tenant without a schema has no place.
    """

    def __init__(self, config: Config) -> None:
        multitenancy = config.multitenancy
        self.rules = Rules.of(config)
        self.control = migrator_url(config)
        self._table = multitenancy.tenants_table
        self._names = SchemaNames(
            multitenancy.schema_template, uuids=multitenancy.id_type == "uuid"
        )

    @property
    def in_control(self) -> bool:
        """The schemas stand beside the ledger (see `Fleet.in_control`)."""
        return True

    @property
    def listened(self) -> SecretUrl | None:
        """Services listen beside the ledger (see `Fleet.listened`)."""
        return None

    async def places(self, control: Driver, selection: Selection) -> list[Place]:
        """One for each tenant that has a schema (see `Fleet.places`)."""
        await self._refuse_shared_versions(control)
        rows = await tenant_rows(control, self._table, selection)
        if rows is None:
            rows = await self._by_name(control, selection)
        schemas = {
            row.id: row.placement.get("schema") or self._names.of(row.id)
            for row in rows
            if row.has_tables
        }
        found = await control.fetch(PLACES_QUERIES["schemas"], [*schemas.values()])
        there = {row["schema"] for row in found}
        places = [
            Place(tenant, self.control, schema, schema)
            for tenant, schema in schemas.items()
            if schema in there
        ]
        refuse_missing(selection, places)
        return places

    async def revisions(
        self, control: Driver, places: Sequence[Place], *, recheck: bool = False
    ) -> Mapping[Place, Revisions]:
        """What their version tables say, in one query (see `Fleet.revisions`)."""
        schemas = [place.version_schema for place in places]
        found = await read_versions(control, self.rules.version_table, schemas)
        return {place: found[place.version_schema] for place in places}

    async def _by_name(self, control: Driver, selection: Selection) -> list[TenantRow]:
        if selection.tags:
            raise SetupError("--tag: tags stand in the table fraiseql.tenants, and there is none")
        rows = await control.fetch(PLACES_QUERIES["schemas_like"], self._names.pattern)
        ids = [self._names.tenant_of(row["schema"]) for row in rows]
        return [
            TenantRow(tenant)
            for tenant in ids
            if tenant is not None and tenant in (selection.tenants or (tenant,))
        ]

    async def _refuse_shared_versions(self, control: Driver) -> None:
        """A version table that every tenant's path leads to would be taken for each one's own."""
        table = self.rules.version_table
        rows = await control.fetch(PLACES_QUERIES["versioned"], table, [*self.rules.shared])
        if rows:
            raise SetupError(
                f"the shared schema {rows[0]['schema']!r} has a table {table!r} of its own: give "
                "the tenants' another name, with [migrations] version_table"
            )

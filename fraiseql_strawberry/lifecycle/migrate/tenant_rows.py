"""The table of tenants, with whichever of the known columns it has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import SetupError
from .connecting import Driver
from .places import Place, Selection
from .texts import PLACES_QUERIES

__all__ = ["TenantRow", "refuse_missing", "tenant_rows"]

_RECORDS = "fraiseql.tenants"
_IDS = ("id", "tenant_id")
# One that is being made or taken away has no tables yet, or soon none.
_WITHOUT_TABLES = frozenset({"provisioning", "deleting"})


@dataclass(frozen=True, slots=True)
class TenantRow:
    """One tenant.

    Args:
        id: Its canonical id.
        status: Where it is in its life; None where nothing says.
        placement: Where it is.
        database_url: The application's URL of its database, where the table says that.
    """

    id: str
    status: str | None = None
    placement: Mapping[str, Any] = field(default_factory=dict[str, Any])
    database_url: str | None = field(default=None, repr=False)

    @property
    def has_tables(self) -> bool:
        """Whether it may be migrated."""
        return self.status not in _WITHOUT_TABLES


async def tenant_rows(
    driver: Driver, table: str | None, selection: Selection
) -> list[TenantRow] | None:
    """The tenants that are meant, in the order of their ids; None where there is no such table.

    Args:
        driver: A connection to the database that has it.
        table: The table; `fraiseql.tenants` by default.
        selection: Which tenants.

    Raises:
        SetupError: The table that is configured is missing, or tags are meant and it has none.
    """
    rows = await driver.fetch(PLACES_QUERIES["columns"], table or _RECORDS)
    columns = {row["name"] for row in rows}
    key = next((name for name in _IDS if name in columns), None)
    if key is None:
        if table is None:
            return None
        raise SetupError(f"there is no table {table} with a column id that the migrator may read")
    if selection.tags and "tags" not in columns:
        raise SetupError(f"--tag: the table {table or _RECORDS} has no column tags")
    wanted = ", ".join(
        f"{name}::text" if name in columns else f"NULL AS {name}"
        for name in ("status", "placement", "database_url")
    )
    conditions = ["true"]
    args: list[Sequence[str]] = []
    if selection.tenants:
        args.append(selection.tenants)
        conditions.append(f"{key}::text = ANY (${len(args)}::text[])")
    if selection.tags:
        args.append(selection.tags)
        conditions.append(f"tags && ${len(args)}::text[]")
    # Names out of the catalog, quoted by PostgreSQL itself; the others stand above.
    sql = (
        f"SELECT {key}::text AS id, {wanted} FROM {rows[0]['table_name']} "  # noqa: S608
        f"WHERE {' AND '.join(conditions)} ORDER BY {key}"
    )
    return [
        TenantRow(
            row["id"],
            row["status"],
            json.loads(row["placement"]) if row["placement"] else {},
            row["database_url"],
        )
        for row in await driver.fetch(sql, *args)
    ]


def refuse_missing(selection: Selection, places: Sequence[Place]) -> None:
    """Refuse a selection that names somebody who has no tables.

    Raises:
        SetupError: It names the first.
    """
    there = {place.tenant for place in places}
    for tenant in selection.tenants:
        if tenant not in there:
            raise SetupError(f"--tenant {tenant}: there is no such tenant, or it has no tables yet")

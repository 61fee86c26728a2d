"""What is a tenant's own: ids to call functions with, values to know its rows by, a checksum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import asyncpg

from ...errors import SetupError
from ...sql.catalog import quoted
from ..facts import Facts, Relation
from .ground import Ground, Refused

__all__ = [
    "AdminWitness",
    "Belongings",
    "Id",
    "State",
    "TenantWitness",
    "Witness",
    "read_belongings",
    "read_state",
]

_MARKED = ("uuid", "text", "character varying", "character", "citext", "name")
_SHORTEST = 8  # a shorter value may stand in any answer
_MOST = 200

State = Mapping[str, tuple[int, int]]
"""For each table, how many rows a tenant has, and a checksum of them."""


class Witness(Protocol):
    """Who looks at a tenant's rows, beside the one who attacks."""

    async def rows(self, tenant: str, sql: str, *args: object) -> list[asyncpg.Record]:
        """Run a query about a tenant's rows.

        Raises:
            Refused: By PostgreSQL.
        """
        ...

    def sees(self, table: Relation) -> bool:
        """Whether it can read a table."""
        ...


class AdminWitness:
    """Sees what was committed, whoever may read it.

    Args:
        connection: The administrator's.
    """

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection

    async def rows(self, tenant: str, sql: str, *args: object) -> list[asyncpg.Record]:
        """Run a query (see `Witness.rows`).

        Raises:
            SetupError: Policies hold the administrator too, who would see no rows and no hole.
        """
        # Silence becomes an error (SECURITY.md, 4: FORCE binds the owner as well).
        await self._connection.execute("SET row_security = off")
        try:
            return await self._connection.fetch(sql, *args)
        except asyncpg.InsufficientPrivilegeError as error:
            raise SetupError(
                "the role of [database] admin_url does not see every row of the clone: it must be "
                "a superuser, or have BYPASSRLS and SELECT on all tables"
            ) from error

    def sees(self, table: Relation) -> bool:
        """Every table."""
        return True


class TenantWitness:
    """Sees, within the transaction of the attack, what the tenant itself sees.

    Args:
        ground: The transaction.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def rows(self, tenant: str, sql: str, *args: object) -> list[asyncpg.Record]:
        """Run a query as the tenant (see `Witness.rows`)."""
        await self._ground.become(tenant)
        return await self._ground.rows(sql, *args)

    def sees(self, table: Relation) -> bool:
        """What the application role may read."""
        return table.used and table.may_select


@dataclass(frozen=True, slots=True)
class Id:
    """A part of the key of a row: its type, its value, and where it stands."""

    type: str
    value: str
    place: str


@dataclass(frozen=True, slots=True)
class Belongings:
    """What is one tenant's and not the other's.

    Args:
        tenant: The tenant.
        ids: Of one row of each table.
        marks: Values that one of its rows holds, and none of the other tenant's.
    """

    tenant: str
    ids: tuple[Id, ...]
    marks: frozenset[str]

    def ids_like(self, type_: str, name: str) -> list[Id]:
        """The ids of a type, those of a table that an argument is named like first.

        Args:
            type_: The argument's type, in SQL.
            name: The argument's name, or "".
        """
        words = [word for word in name.split("_") if len(word) > 2]
        fitting = [one for one in self.ids if one.type == type_]
        return sorted(fitting, key=lambda one: not any(word in one.place for word in words))


def _watched(witness: Witness, facts: Facts) -> list[Relation]:
    """The tables of tenants' rows that a witness looks at; a partition is seen in its parent."""
    return [
        table
        for table in facts.tables
        if facts.tenant_column in table.columns and not table.partition and witness.sees(table)
    ]


async def read_state(witness: Witness, facts: Facts, tenant: str) -> State:
    """Count and sum up the rows of a tenant in every table.

    Args:
        witness: Who looks.
        facts: What tables there are.
        tenant: Whose rows.
    """
    tables = _watched(witness, facts)
    sums = [
        "SELECT count(*), COALESCE(sum(hashtextextended(r::text, 0)::numeric), 0) "  # noqa: S608
        f"FROM {table.sql} AS r WHERE {quoted(facts.tenant_column)}::text = $1"
        for table in tables
    ]
    if not tables:
        return {}
    try:
        rows = await witness.rows(tenant, " UNION ALL ".join(sums), tenant)
        return {
            table.label: (count, int(checksum))
            for table, (count, checksum) in zip(tables, rows, strict=True)
        }
    except Refused:
        found: dict[str, tuple[int, int]] = {}
        for table, one in zip(tables, sums, strict=True):
            # Of some of its columns only, perhaps: what is written there is not seen.
            with suppress(Refused):
                [(count, checksum)] = await witness.rows(tenant, one, tenant)
                found[table.label] = count, int(checksum)
        return found


async def read_belongings(witness: Witness, facts: Facts, tenant: str, other: str) -> Belongings:
    """Find out what is a tenant's own.

    Args:
        witness: Who looks.
        facts: What tables there are.
        tenant: Whose.
        other: The tenant that must not have it.
    """
    ids: list[Id] = []
    marks = {tenant}
    for table in _watched(witness, facts):
        try:
            ids += await _ids(witness, facts, table, tenant)
            for column, type_ in zip(table.columns, table.types, strict=True):
                if column != facts.tenant_column and type_.partition("(")[0] in _MARKED:
                    marks |= await _marks(witness, facts, table, column, (tenant, other))
        except Refused:
            continue
    return Belongings(tenant, tuple(ids), frozenset(marks))


async def _ids(witness: Witness, facts: Facts, table: Relation, tenant: str) -> list[Id]:
    types = dict(zip(table.columns, table.types, strict=True))
    primary = [one for one in facts.indexes.get(table.oid, ()) if one.is_primary]
    columns: Sequence[str] = [
        column
        for one in primary
        for column in one.columns
        if column is not None and column != facts.tenant_column
    ]
    if not columns:
        return []
    wanted = ", ".join(f"{quoted(column)}::text" for column in columns)
    where = f"{quoted(facts.tenant_column)}::text = $1 LIMIT 1"
    rows = await witness.rows(tenant, f"SELECT {wanted} FROM {table.sql} WHERE {where}", tenant)  # noqa: S608
    return [
        Id(types[column], value, f"{table.name}.{column}")
        for row in rows
        for column, value in zip(columns, row, strict=True)
    ]


async def _marks(
    witness: Witness, facts: Facts, table: Relation, column: str, tenants: tuple[str, str]
) -> set[str]:
    own, other = tenants
    value, tenant = f"{quoted(column)}::text", f"{quoted(facts.tenant_column)}::text"
    once = (
        f"SELECT {value} FROM {table.sql} WHERE {tenant} = $1 AND length({value}) >= {_SHORTEST} "  # noqa: S608
        f"GROUP BY {value} HAVING count(*) = 1 LIMIT {_MOST}"
    )
    shared = f"SELECT {value} FROM {table.sql} WHERE {tenant} = $1 AND {value} = ANY ($2::text[])"  # noqa: S608
    found = {row[0] for row in await witness.rows(own, once, own)}
    if found:
        found -= {row[0] for row in await witness.rows(other, shared, other, sorted(found))}
    return found

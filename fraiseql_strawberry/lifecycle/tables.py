"""A tenant's tables: which there are, in which order, and the statement that reads one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

import asyncpg

from ..errors import SetupError
from ..sql.catalog import quoted
from .administrator import Driver
from .migrations import REVISION_TABLES
from .queries import named_queries

__all__ = ["TENANT_COLUMN", "TenantTable", "in_order", "is_empty", "read_tables"]

TENANT_COLUMN = "tenant_id"
"""The column that says whose a row is, under row isolation; it is never part of an archive."""

_QUERIES = named_queries("tables")


@dataclass(frozen=True, slots=True)
class TenantTable:
    """One table, as far as its rows are concerned.

    Args:
        oid: PostgreSQL's number of it.
        schema: Its schema.
        name: Its name.
        columns: The columns with values of their own, in the order of the alphabet; without the
            tenant column.
        types: Their types.
        key: The columns of its shortest key, without the tenant column; none where it has no key.
        texts: The columns that have a collation.
        partitioned: Whether its rows are in partitions.
        tenant_column: The tenant column, where it has one.
        parents: The other tables that it refers to.
        refers_to_itself: Whether a foreign key leads from one of its rows to another.
        in_circle: Whether there is no order in which it could be filled: it refers to a table that
            refers back to it, or stands between two such.
    """

    oid: int
    schema: str
    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    key: tuple[str, ...]
    texts: frozenset[str]
    partitioned: bool = False
    tenant_column: str | None = None
    parents: frozenset[int] = field(default_factory=frozenset[int])
    refers_to_itself: bool = False
    in_circle: bool = False

    @property
    def sql_name(self) -> str:
        """The table's name, as SQL reads it literally."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def title(self) -> str:
        """The table's name, as people read it."""
        return f"{self.schema}.{self.name}"

    def selection(
        self,
        *,
        tenant_id: str | None,
        columns: Sequence[str] | None = None,
        order_by: Sequence[str] | None = None,
    ) -> str:
        """The statement that reads the tenant's rows in an order that is the same everywhere.

        Args:
            tenant_id: The canonical id, where rows of others stand in the table as well.
            columns: The columns to read; all by default.
            order_by: The columns to order by; its key by default, or all columns without one.
        """
        wanted = ", ".join(map(quoted, self.columns if columns is None else columns))
        keys = self.order if order_by is None else order_by
        order = ", ".join(map(self._sorted, keys))
        source = self.sql_name if self.partitioned else f"ONLY {self.sql_name}"
        return (
            f"SELECT {wanted} FROM {source}{self.condition(tenant_id)}"  # noqa: S608 - quoted
            + (f" ORDER BY {order}" if order else "")
        )

    def condition(self, tenant_id: str | None) -> str:
        """The WHERE clause that finds the tenant's rows; empty where all rows are."""
        if tenant_id is None:
            return ""
        assert self.tenant_column is not None
        # Canonical ids hold no quotes; COPY takes no parameters.
        return f" WHERE {quoted(self.tenant_column)} = '{tenant_id}'"

    @property
    def order(self) -> tuple[str, ...]:
        """The columns that rows are ordered by."""
        return self.key or self.columns

    def _sorted(self, column: str) -> str:
        # Another database may have another collation; and without a key, types such as json
        # have no order of their own.
        text = f"{quoted(column)}::text" if not self.key else quoted(column)
        return f'{text} COLLATE "C"' if column in self.texts or not self.key else text


async def read_tables(
    driver: Driver,
    *,
    schema: str | None = None,
    others: Collection[str] = (),
    shared: bool = False,
    revisions: bool = False,
) -> list[TenantTable]:
    """Find the tables that may hold rows of a tenant's own.

    Args:
        driver: A connection to the database.
        schema: The tenant's schema; None for every schema but PostgreSQL's and ours.
        others: What schemas are LIKE that are to be left out.
        shared: Whether rows of several tenants stand in one table: then only tables with a tenant
            column are a tenant's.
        revisions: Whether the tables that say what a place was migrated to count as well.

    Returns:
        The tables, each after those that it refers to, as far as there is such an order.

    Raises:
        SetupError: A table has policies and no tenant column, so nobody can tell whose a row is.
    """
    left_out = [] if revisions else list(REVISION_TABLES)
    rows = await driver.fetch(
        _QUERIES["tables"], schema, list(others), TENANT_COLUMN, shared, left_out
    )
    unclear = [f"{row['schema']}.{row['name']}" for row in rows if not row["has_tenant_column"]]
    if shared and unclear:
        raise SetupError(
            f"{', '.join(unclear)}: policies, and no column {TENANT_COLUMN}; so nobody can tell "
            "which rows are a tenant's. Add the column"
        )
    references = await driver.fetch(_QUERIES["references"], [row["oid"] for row in rows])
    parents: dict[int, set[int]] = {row["oid"]: set() for row in rows}
    for reference in references:
        parents[reference["child"]].add(reference["parent"])
    return in_order([_table(row, parents[row["oid"]]) for row in rows])


async def is_empty(driver: Driver, table: TenantTable, owner: str | None) -> bool:
    """Whether a table holds no row of the tenant's.

    Args:
        driver: A connection to the database.
        table: The table.
        owner: The tenant's id, where rows of others stand in the table as well.
    """
    sql = _QUERIES["is_empty"].format(table=table.sql_name, condition=table.condition(owner))
    return bool(await driver.fetchval(sql))


def in_order(tables: Iterable[TenantTable]) -> list[TenantTable]:
    """Parents before their children.

    Args:
        tables: In any order.

    Returns:
        The tables; those that refer to each other in a circle stand together and are marked.
    """
    waiting = {table.oid: table for table in tables}
    first: list[TenantTable] = []
    while ready := [table for table in waiting.values() if not table.parents & waiting.keys()]:
        first += ready
        for table in ready:
            del waiting[table.oid]
    last: list[TenantTable] = []
    while waiting:
        wanted = frozenset[int]().union(*(table.parents for table in waiting.values()))
        ready = [table for table in waiting.values() if table.oid not in wanted]
        if not ready:
            break
        last = ready + last
        for table in ready:
            del waiting[table.oid]
    return [*first, *(replace(table, in_circle=True) for table in waiting.values()), *last]


def _table(row: asyncpg.Record, parents: set[int]) -> TenantTable:
    return TenantTable(
        row["oid"],
        row["schema"],
        row["name"],
        tuple(row["columns"]),
        tuple(row["types"]),
        tuple(row["key"]),
        frozenset(row["texts"]),
        row["partitioned"],
        TENANT_COLUMN if row["has_tenant_column"] else None,
        frozenset(parents - {row["oid"]}),
        row["oid"] in parents,
    )

"""What is left of a tenant: rows that name it, in whatever table."""

from __future__ import annotations

from collections.abc import Collection

from ..sql.catalog import quoted
from .administrator import Driver
from .queries import named_queries

__all__ = ["named_for"]

_QUERIES = named_queries("residue")


async def named_for(
    driver: Driver, tenant_id: str, *, others: Collection[str] = ()
) -> dict[str, int | None]:
    """How many rows name a tenant, by table and column; those without any are left out.

    Args:
        driver: A connection to the database.
        tenant_id: The canonical id.
        others: What schemas are LIKE that are not looked into.

    Returns:
        The numbers of rows; None where the administrator may not look.
    """
    found: dict[str, int | None] = {}
    for row in await driver.fetch(_QUERIES["named_for_tenants"], list(others)):
        table, column = row["table_name"], row["column_name"]
        if not row["readable"]:
            found[f"{table}.{column}"] = None
            continue
        sql = _QUERIES["count_named"].format(table=table, column=quoted(column))
        if rows := await driver.fetchval(sql, tenant_id):
            found[f"{table}.{column}"] = rows
    return found

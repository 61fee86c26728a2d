"""Tables that take rows as they are: no trigger of the application's, foreign keys at the end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from ...errors import ArchiveError
from ...sql.catalog import quoted
from ..administrator import Driver
from ..queries import named_queries
from ..tables import TenantTable

__all__ = ["quiet_tables"]

_QUERIES = named_queries("archive")
_ENABLE = {"O": "ENABLE", "A": "ENABLE ALWAYS"}


@asynccontextmanager
async def quiet_tables(
    driver: Driver, tables: Sequence[TenantTable], *, shared: bool
) -> AsyncGenerator[None]:
    """Fill tables within the block, in a transaction of the caller's.

    A trigger of the application's knows that by the setting `fraiseql.importing`. In tables of
    the tenant's own it does not run at all; in shared ones that would lock everybody out.

    Args:
        driver: The connection.
        tables: The tables.
        shared: Whether other tenants use them meanwhile.

    Raises:
        ArchiveError: Shared tables refer to each other in a circle that cannot be deferred.
    """
    circle = [table.oid for table in tables if table.in_circle]
    rigid = await driver.fetch(_QUERIES["undeferrable"], circle)
    if shared and rigid:
        names = ", ".join(f"{row['name']} of {row['table_name']}" for row in rigid)
        raise ArchiveError(
            f"tables refer to each other in a circle, so none can be filled first: {names}. "
            "ALTER TABLE … ALTER CONSTRAINT … DEFERRABLE mends it"
        )
    triggers = (
        [] if shared else await driver.fetch(_QUERIES["triggers"], [table.oid for table in tables])
    )
    for row in rigid:
        await _alter(
            driver, row["table_name"], f"ALTER CONSTRAINT {quoted(row['name'])} DEFERRABLE"
        )
    for row in triggers:
        await _alter(driver, row["table_name"], f"DISABLE TRIGGER {quoted(row['name'])}")
    await driver.execute("SET CONSTRAINTS ALL DEFERRED")
    await driver.execute(_QUERIES["importing"], "on")
    yield
    await driver.execute("SET CONSTRAINTS ALL IMMEDIATE")
    await driver.execute(_QUERIES["importing"], "")
    for row in triggers:
        enable = _ENABLE[row["enabled"]]
        await _alter(driver, row["table_name"], f"{enable} TRIGGER {quoted(row['name'])}")
    for row in rigid:
        name = quoted(row["name"])
        await _alter(driver, row["table_name"], f"ALTER CONSTRAINT {name} NOT DEFERRABLE")


async def _alter(driver: Driver, table: str, change: str) -> None:
    await driver.execute(f"ALTER TABLE {table} {change}")

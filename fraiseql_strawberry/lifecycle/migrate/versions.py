"""What the version tables of one database say, all of them in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from ...sql.golden import literal, qualified
from .connecting import Driver
from .places import Revisions
from .texts import PLACES_QUERIES

__all__ = ["read_versions"]

# Each table is locked until the statement ends, and PostgreSQL plans them as one tree.
_AT_ONCE = 500


async def read_versions(
    driver: Driver, table: str, schemas: Iterable[str]
) -> Mapping[str, Revisions]:
    """The revisions that version tables hold, by schema; a schema without a table has none.

    Args:
        driver: A connection to the database.
        table: What the version tables are called.
        schemas: Where they are.
    """
    wanted = dict.fromkeys(schemas, ())
    rows = await driver.fetch(PLACES_QUERIES["versioned"], table, [*wanted])
    versioned = iter([row["schema"] for row in rows])
    found: dict[str, list[str]] = {}
    while some := list(islice(versioned, _AT_ONCE)):
        # Names out of the catalog, quoted.
        query = " UNION ALL ".join(
            f"SELECT {literal(schema)}, version_num FROM {qualified(table, schema)}"  # noqa: S608
            for schema in some
        )
        for schema, version in await driver.fetch(query):
            found.setdefault(schema, []).append(version)
    return wanted | {schema: tuple(sorted(versions)) for schema, versions in found.items()}

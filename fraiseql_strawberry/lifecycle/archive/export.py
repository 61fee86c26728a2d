"""From a tenant to an archive: one snapshot, one table after the other, in bounded memory."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ..administrator import Driver
from ..content import pin_text_form, read_content
from ..places import Places
from ..queries import named_queries
from ..records import TenantRecord
from ..tables import TenantTable
from .file import new_archive, write_manifest
from .manifest import ArchivedTable, Manifest

__all__ = ["Progress", "export_tenant", "survey"]

_QUERIES = named_queries("archive")

Progress = Callable[[str, int], object]
"""Is told of each table that is done, and how many rows it has."""


async def export_tenant(
    places: Places,
    record: TenantRecord,
    path: Path,
    *,
    exported_by: str,
    progress: Progress | None = None,
) -> Manifest:
    """Write all rows of a tenant to a new file.

    Args:
        places: The strategy.
        record: The tenant.
        path: The file, which must not be there yet.
        exported_by: Who wanted it.
        progress: Is told of each table.

    Returns:
        What the archive says of itself.

    Raises:
        FileExistsError: The file is there already.
        SetupError: There are rows of which nobody can tell whose they are.
    """
    with new_archive(path) as archive:
        async with places.inside(record, snapshot=True) as transaction:
            manifest = await _write(
                places, record, transaction.driver, exported_by, archive, progress
            )
        await asyncio.to_thread(write_manifest, archive, manifest)
    return manifest


async def survey(places: Places, record: TenantRecord, *, surveyed_by: str) -> Manifest:
    """What an archive of the tenant would say of itself, without writing one.

    Of a tenant whose place is not there, it says that there are no tables.
    """
    if not await places.exists(record):
        return Manifest({"id": record.id}, places.name, None, "", surveyed_by, "", ())
    async with places.inside(record, snapshot=True) as transaction:
        return await _write(places, record, transaction.driver, surveyed_by, None, None)


async def _write(
    places: Places,
    record: TenantRecord,
    driver: Driver,
    who: str,
    archive: zipfile.ZipFile | None,
    progress: Progress | None,
) -> Manifest:
    await pin_text_form(driver)
    tables = await places.tables(driver, record)
    owner = places.owner(record)
    archived: list[ArchivedTable] = []
    names = [table.name for table in tables]
    for table in tables:
        alone = names.count(table.name) == 1
        file = f"tables/{table.name if alone else table.title}.copy"
        archived.append(await _write_table(driver, table, owner, file, archive))
        if progress is not None:
            progress(table.title, archived[-1].content.rows)
    return Manifest(
        tenant={
            "id": record.id,
            "name": record.name,
            "plan": record.plan,
            "settings": dict(record.settings),
            "tags": list(record.tags),
        },
        strategy=places.name,
        revision=await places.revision(record),
        exported_at=datetime.now(UTC).isoformat(timespec="seconds"),
        exported_by=who,
        server=str(driver.get_server_version().major),
        tables=tuple(archived),
        counters={} if owner is not None else await _counters(driver, tables),
    )


async def _write_table(
    driver: Driver,
    table: TenantTable,
    owner: str | None,
    file: str,
    archive: zipfile.ZipFile | None,
) -> ArchivedTable:
    query = table.selection(tenant_id=owner)
    if archive is None:
        content = await read_content(driver, query)
    else:
        with archive.open(file, "w", force_zip64=True) as member:
            content = await read_content(driver, query, member.write)
    return ArchivedTable(
        table.name, table.schema, file, table.columns, table.types, table.order, content
    )


async def _counters(driver: Driver, tables: Sequence[TenantTable]) -> dict[str, int]:
    """Where the sequences of a tenant's own tables stand; shared ones are nobody's."""
    titles = {table.oid: table.name for table in tables}
    counters: dict[str, int] = {}
    for row in await driver.fetch(_QUERIES["sequences"], list(titles)):
        last = await driver.fetchval(_QUERIES["last_value"].format(sequence=row["sequence"]))
        if last is not None:
            counters[f"{titles[row['table_oid']]}.{row['column_name']}"] = last
    return counters

"""From an archive into a tenant's tables, whichever strategy it is kept apart by."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from typing import TypeAlias

import asyncpg

from ...errors import ArchiveError
from ...sql.catalog import quoted
from ..administrator import Driver
from ..content import pin_text_form, read_content
from ..places import Places
from ..queries import named_queries
from ..records import TenantRecord
from ..tables import TenantTable, is_empty
from .export import Progress
from .file import ArchiveFile
from .manifest import ArchivedTable
from .quiet import quiet_tables

__all__ = ["load_archive"]

Digest: TypeAlias = "hashlib._Hash"  # pyright: ignore[reportPrivateUsage]

_QUERIES = named_queries("archive")


async def load_archive(
    places: Places,
    record: TenantRecord,
    driver: Driver,
    archive: ArchiveFile,
    *,
    skip: Collection[str] = (),
    progress: Progress | None = None,
) -> None:
    """Fill a tenant's tables, and compare what is in them with the manifest.

    Rows that its migrations wrote into them give way to those of the archive.

    Args:
        places: The strategy.
        record: The tenant, which no request reaches yet.
        driver: The connection, in a transaction in the tenant's database.
        archive: The archive.
        skip: The names of tables of the archive that are left out.
        progress: Is told of each table.

    Raises:
        ArchiveError: It is damaged, does not fit the tables, or these hold rows of the tenant's.
    """
    await pin_text_form(driver)
    owner = places.owner(record)
    tables = await places.tables(driver, record)
    pairs = _match([one for one in archive.manifest.tables if one.name not in skip], tables)
    if owner is not None:
        await _refuse_rows(driver, tables, owner)
    async with quiet_tables(driver, [table for _, table in pairs], shared=owner is not None):
        if owner is None:
            for _, table in reversed(pairs):
                await driver.execute(_QUERIES["empty"].format(table=table.sql_name))
        for archived, table in pairs:
            await _fill(driver, archived, table, record.id, archive)
            if progress is not None:
                progress(table.title, archived.content.rows)
    await _compare(driver, pairs, owner)
    await _raise_sequences(driver, archive, tables)


async def _refuse_rows(driver: Driver, tables: Sequence[TenantTable], owner: str) -> None:
    filled = [table.title for table in tables if not await is_empty(driver, table, owner)]
    if filled:
        raise ArchiveError(f"there are rows of tenant {owner} already, in {', '.join(filled)}")


def _match(
    archived: Sequence[ArchivedTable], tables: Sequence[TenantTable]
) -> list[tuple[ArchivedTable, TenantTable]]:
    """Which table of the archive is which of the tenant's, in the order of the latter."""
    pairs: list[tuple[ArchivedTable, TenantTable]] = []
    problems: list[str] = []
    for one in archived:
        named = [table for table in tables if table.name == one.name]
        found = [table for table in named if table.schema == one.schema] or named
        if len(found) != 1:
            if one.content.rows:
                problems.append(
                    f"there is no table {one.name}"
                    if not found
                    else f"which of {', '.join(table.title for table in found)} is {one.name}?"
                )
            continue
        missing = [column for column in one.columns if column not in found[0].columns]
        if missing:
            problems.append(f"{found[0].title} has no column {', '.join(missing)}")
        elif not set(one.order_by) <= set(one.columns) or len(set(one.columns)) < len(one.columns):
            raise ArchiveError("the archive's manifest.json is damaged")
        pairs.append((one, found[0]))
    if len({table.oid for _, table in pairs}) < len(pairs):
        raise ArchiveError("the archive has two tables of one name")
    if problems:
        raise ArchiveError(
            f"the archive does not fit the tenant's tables: {'; '.join(problems)}. Migrate both "
            "to one revision first"
        )
    return sorted(pairs, key=lambda pair: tables.index(pair[1]))


async def _fill(
    driver: Driver,
    archived: ArchivedTable,
    table: TenantTable,
    tenant_id: str,
    archive: ArchiveFile,
) -> None:
    digest = hashlib.sha256()
    columns, prefix = [*archived.columns], b""
    if table.tenant_column is not None:
        columns.insert(0, table.tenant_column)
        prefix = tenant_id.encode() + (b"\t" if archived.columns else b"")
    try:
        tag = await driver.copy_to_table(
            table.name,
            schema_name=table.schema,
            columns=columns,
            source=_lines(archive.pieces(archived), prefix, digest),
            format="text",
        )
    except asyncpg.PostgresError as error:
        raise ArchiveError(
            f"{archived.file} does not fit {table.title}: {error.args[0]}"
        ) from error
    rows = int(tag.rpartition(" ")[2])
    if digest.hexdigest() != archived.content.sha256 or rows != archived.content.rows:
        raise ArchiveError(f"{archived.file} is not what the manifest says: the archive is damaged")


async def _lines(pieces: Iterator[bytes], prefix: bytes, digest: Digest) -> AsyncGenerator[bytes]:
    """The lines of a table, each with the tenant in front where the table has a tenant column.

    In COPY's text format a line feed ends a row and is never part of a value.
    """
    begins = True
    while True:
        piece = await asyncio.to_thread(_next, pieces, digest)
        if piece is None:
            return
        if not prefix:
            yield piece
            continue
        whole = piece.endswith(b"\n")
        lines = piece[:-1] if whole else piece
        marked = lines.replace(b"\n", b"\n" + prefix)
        yield (prefix if begins else b"") + marked + (b"\n" if whole else b"")
        begins = whole


def _next(pieces: Iterator[bytes], digest: Digest) -> bytes | None:
    piece = next(pieces, None)
    if piece is not None:
        digest.update(piece)
    return piece


async def _compare(
    driver: Driver, pairs: Sequence[tuple[ArchivedTable, TenantTable]], owner: str | None
) -> None:
    """What is there must be what was archived, to the byte: triggers and defaults may interfere."""
    for archived, table in pairs:
        query = table.selection(
            tenant_id=owner, columns=archived.columns, order_by=archived.order_by
        )
        content = await read_content(driver, query)
        if content != archived.content:
            raise ArchiveError(
                f"what {table.title} holds is not what the archive holds: {content.rows} rows of "
                f"{archived.content.rows}. Does a trigger change rows? Let it do nothing where "
                "current_setting('fraiseql.importing', true) = 'on'"
            )


async def _raise_sequences(
    driver: Driver, archive: ArchiveFile, tables: Sequence[TenantTable]
) -> None:
    by_oid = {table.oid: table for table in tables}
    for row in await driver.fetch(_QUERIES["sequences"], list(by_oid)):
        table, column = by_oid[row["table_oid"]], row["column_name"]
        sql = _QUERIES["raise_sequence"].format(
            sequence=row["sequence"], column=quoted(column), table=table.sql_name
        )
        await driver.execute(sql, archive.manifest.counters.get(f"{table.name}.{column}"))

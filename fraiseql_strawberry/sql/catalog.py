"""What the database says about sources: their columns and types, as plain data."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.resources import files
from typing import Any

from ..errors import SchemaError
from .column_type import ColumnType
from .source import JsonObject, Origin, Source
from .write_catalog import WriteFacts

__all__ = [
    "CATALOG_SQL",
    "OBJECT_COLUMN",
    "Catalog",
    "Column",
    "ColumnType",
    "SourceColumns",
    "quoted",
    "source_name",
    "source_names",
]

CATALOG_SQL = files("fraiseql_strawberry.sql").joinpath("catalog.sql").read_text("utf-8")
"""Reads the catalog; its one argument is `source_names(…)`."""

OBJECT_COLUMN = "d"
"""The column in which a statement has a JSON object that it reads keys of."""

_NAME = re.compile(r'(?:"((?:[^"]|"")+)"\.)?"((?:[^"]|"")+)"')


def quoted(identifier: str) -> str:
    """An identifier as SQL reads it literally (PostgreSQL manual, 4.1.1)."""
    return '"' + identifier.replace('"', '""') + '"'


def source_names(sources: Iterable[Source]) -> list[str]:
    """The argument of `CATALOG_SQL`: each source as `to_regclass` reads it."""
    return sorted({source_name(source) for source in sources})


def source_name(source: Source) -> str:
    """A source as `to_regclass` and `to_regproc` read it."""
    name = quoted(source.name)
    return f"{quoted(source.schema)}.{name}" if source.schema else name


def _source(name: str) -> Source:
    schema, identifier = _NAME.fullmatch(name).groups()  # pyright: ignore[reportOptionalMemberAccess]
    plain = [part and part.replace('""', '"') for part in (identifier, schema)]
    return Source(plain[0], plain[1])


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a source."""

    name: str
    type: ColumnType
    not_null: bool = False
    readable: bool = True


@dataclass(frozen=True, slots=True)
class SourceColumns:
    """The columns of one source, by name.

    Args:
        columns: As the catalog has them.
        schema: Where the source was found; None when it is the current schema.
        document: The `data jsonb` of `id + data` sources, whose keys stand for missing columns.
        distributed_by: The column by which Citus distributes the tables that the source reads;
            the source itself may not have it. None where nothing is distributed.
    """

    columns: Mapping[str, Column]
    schema: str | None = None
    document: str | None = None
    distributed_by: str | None = None

    @classmethod
    def of(
        cls, columns: Mapping[str, Column], schema: str | None, distributed_by: str | None = None
    ) -> SourceColumns:
        """Find out whether there is a `data jsonb` among the columns."""
        data = columns.get("data")
        jsonb = data is not None and data.type == _JSONB
        return cls(columns, schema, "data" if jsonb else None, distributed_by)

    @property
    def tenant(self) -> Column | None:
        """The column that says on which shard a row is, where the source shows it."""
        return None if self.distributed_by is None else self.columns.get(self.distributed_by)

    def holds(self, name: str) -> bool:
        """Whether something of that name can be read."""
        return self.document is not None or name in self.columns


_JSONB = ColumnType("jsonb")
_KEYS_ONLY = SourceColumns({}, document=OBJECT_COLUMN)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The columns of all sources of a schema.

    Args:
        sources: By source; a source that the database does not have is absent.
        revision: Changes whenever anything here changes: part of every cache key.
        writes: What may be written of them; empty where no mutation writes through SQL.
    """

    sources: Mapping[Source, SourceColumns] = field(default_factory=dict[Source, SourceColumns])
    revision: str = ""
    writes: WriteFacts = field(default_factory=WriteFacts)

    @classmethod
    def read(
        cls, rows: Iterable[Mapping[str, Any]], writes: Iterable[Mapping[str, Any]] = ()
    ) -> Catalog:
        """Make a catalog of what the database returned (asyncpg's records will do).

        Args:
            rows: Of `CATALOG_SQL`; they may have a further column, `distributed_by` (see
                `Isolation.catalog_sql`).
            writes: Of `write_catalog.WRITES_SQL`.
        """
        found: dict[str, dict[str, Column]] = {}
        schemas: dict[str, tuple[str | None, str | None]] = {}
        for row in rows:
            type_ = ColumnType(
                row["type"], row["is_array"], row["type_schema"], tuple(row["labels"] or ())
            )
            column = Column(row["column"], type_, row["not_null"], row["readable"])
            found.setdefault(row["source"], {})[column.name] = column
            schemas[row["source"]] = row["source_schema"], row.get("distributed_by")
        facts = sorted((row["kind"], row["name"], row["fact"]) for row in writes)
        digest = hashlib.sha256(repr((found, schemas, facts)).encode()).hexdigest()
        sources = {
            _source(name): SourceColumns.of(columns, *schemas[name])
            for name, columns in found.items()
        }
        named = ({"kind": kind, "name": name, "fact": fact} for kind, name, fact in facts)
        return cls(sources, digest, WriteFacts.read(named))

    def scattered(self) -> dict[Source, str]:
        """Sources over distributed tables that do not show by which column, and that column.

        A read of one asks every shard, since its statement cannot say which.
        """
        return {
            source: found.distributed_by
            for source, found in self.sources.items()
            if found.distributed_by is not None and found.tenant is None
        }

    def located(self, source: Source) -> Source:
        """A source with its schema, where that is not the current one.

        A source in a schema that all tenants share is not looked for in the tenant's own.
        """
        found = self.sources.get(source)
        if source.schema is not None or found is None or found.schema is None:
            return source
        return Source(source.name, found.schema)

    def columns_of(self, source: Origin) -> SourceColumns:
        """The columns of a source; a JSON object has keys only.

        Raises:
            SchemaError: When the database has no such source, naming the nearest that it has.
        """
        if isinstance(source, JsonObject):
            return _KEYS_ONLY
        columns = self.sources.get(source)
        if columns is None:
            near = get_close_matches(source.name, [known.name for known in self.sources], 1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise SchemaError(
                f'the application role finds no view or table "{source}" in the database{hint}'
            )
        return columns

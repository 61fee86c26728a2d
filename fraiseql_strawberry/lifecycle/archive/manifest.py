"""What an archive says of itself: the tenant, and how much there is of each table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from ...errors import ArchiveError
from ..content import TableContent

__all__ = ["ArchivedTable", "Manifest"]

_FORMAT = "fraiseql-tenant"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class ArchivedTable:
    """One table of an archive.

    Args:
        name: The table's name.
        schema: The schema that it stood in, for when two tables have one name.
        file: The member of the archive that holds its rows, in PostgreSQL's COPY text format.
        columns: The columns of each line, separated by tabs; never the tenant's.
        types: Their types.
        order_by: The columns that the rows are ordered by.
        content: How much there is.
    """

    name: str
    schema: str
    file: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    order_by: tuple[str, ...]
    content: TableContent


@dataclass(frozen=True, slots=True)
class Manifest:
    """The whole of an archive.

    Args:
        tenant: The tenant's id, name, plan, settings and tags.
        strategy: How it was kept apart.
        revision: What its tables were migrated to, where that is known.
        exported_at: When, in ISO 8601.
        exported_by: By whom.
        server: PostgreSQL's version.
        tables: Its tables, each after those that it refers to.
        counters: Where the sequences stood, by table and column: "tb_post.number".
    """

    tenant: Mapping[str, Any]
    strategy: str
    revision: str | None
    exported_at: str
    exported_by: str
    server: str
    tables: tuple[ArchivedTable, ...]
    counters: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def rows(self) -> int:
        """How many rows all tables have."""
        return sum(table.content.rows for table in self.tables)

    def to_json(self) -> bytes:
        """As it stands in the archive."""
        document = {"format": _FORMAT, "version": _VERSION, **asdict(self)}
        return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Read it; nothing in it is believed before it is compared with the database.

        Raises:
            ArchiveError: It is no manifest, or one of a later version.
        """
        try:
            document = json.loads(text)
            if document["format"] != _FORMAT:
                raise ArchiveError("this is no archive of a tenant")
            if document["version"] != _VERSION:
                raise ArchiveError(
                    f"the archive is of version {document['version']!r}, and this version of "
                    f"fraiseql-strawberry reads version {_VERSION}"
                )
            return cls(
                tenant=_mapping(document["tenant"]),
                strategy=_text(document["strategy"]),
                revision=None if document["revision"] is None else _text(document["revision"]),
                exported_at=_text(document["exported_at"]),
                exported_by=_text(document["exported_by"]),
                server=_text(document["server"]),
                tables=tuple(_table(table) for table in document["tables"]),
                counters={key: int(n) for key, n in _mapping(document["counters"]).items()},
            )
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise ArchiveError("the archive's manifest.json is damaged") from error


def _table(value: Any) -> ArchivedTable:
    content = value["content"]
    return ArchivedTable(
        name=_text(value["name"]),
        schema=_text(value["schema"]),
        file=_text(value["file"]),
        columns=_texts(value["columns"]),
        types=_texts(value["types"]),
        order_by=_texts(value["order_by"]),
        content=TableContent(int(content["rows"]), int(content["bytes"]), _text(content["sha256"])),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_text(item) for item in value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return {_text(key): item for key, item in value.items()}

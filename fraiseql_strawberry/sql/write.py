"""What a decorated mutation says of the table or function that it writes to, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .source import Source

__all__ = ["TENANT_COLUMN", "SourceWrite", "WriteKind"]

TENANT_COLUMN = "tenant_id"
"""The column that names the tenant of a row, where tenants share tables: never an input."""

WriteKind = Literal["call", "create", "update", "delete"]


@dataclass(frozen=True, slots=True)
class SourceWrite:
    """A root field that writes.

    Args:
        source: The table, view or function.
        kind: What is done to it; a function is called.
        key: The column that tells rows apart, in the table and in the source of the type that is
            returned.
        on_conflict: The columns whose conflict turns an insert into an update; empty for none.
        version: The column that the caller must have read last; None for none.
    """

    source: Source
    kind: WriteKind
    key: str = "id"
    on_conflict: tuple[str, ...] = ()
    version: str | None = None

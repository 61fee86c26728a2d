"""The names in PostgreSQL that several sections hold."""

from __future__ import annotations

from ..rules import matching

__all__ = ["NAME", "table", "template"]

NAME = r"[A-Za-z_][A-Za-z0-9_]{0,62}"
table = matching(rf"{NAME}(?:\.{NAME})?", 'the name of a table, or "schema.table"')
template = matching(
    r"[A-Za-z_][A-Za-z0-9_]*\{id\}[A-Za-z0-9_]*",
    'letters, digits and _ around one {id}, such as "tenant_{id}"',
)

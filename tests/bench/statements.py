"""The SQL files, with their `:names` turned into what asyncpg or pgbench wants.

They have the form that the library's compiler writes, by hand: what PostgreSQL does for a kind
when nothing else stands in its way.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

__all__ = ["TYPES", "Statement", "pgbench_text", "statement", "wrapped"]

_NAME = re.compile(r"(?<!:):([a-z]+)")

TYPES = {
    "at": "timestamptz",
    "content": "text",
    "id": "uuid",
    "limit": "int8",
    "offset": "int8",
    "published": "bool",
    "title": "text",
    "titles": "text[]",
    "user": "uuid",
    "users": "uuid[]",
}


class Statement(NamedTuple):
    """A statement with numbered parameters, and their names in the order of the numbers."""

    sql: str
    names: tuple[str, ...]


def statement(name: str, *, first: int = 1) -> Statement:
    """Read `sql/<name>.sql`; its parameters are numbered from `first`."""
    names: list[str] = []

    def numbered(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${first + names.index(match[1])}::{TYPES[match[1]]}"

    return Statement(_NAME.sub(numbered, _text(name)), tuple(names))


def wrapped(name: str) -> Statement:
    """A read that one `fetchmany` binds twice: first it sets the tenant, then it runs."""
    inner = statement(name, first=2)
    sql = (
        "SELECT CASE WHEN $1::text IS NOT NULL THEN set_config('app.tenant_id', $1, true) "
        f"ELSE ({inner.sql})::text END"
    )
    return Statement(sql, inner.names)


def pgbench_text(name: str, values: dict[str, str]) -> str:
    """The statement on one line for a pgbench script.

    Args:
        name: The file.
        values: What stands for each name: a variable of pgbench's, or an expression.
    """
    text = _NAME.sub(lambda match: values[match[1]], _text(name))
    return " ".join(text.split())


def _text(name: str) -> str:
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text().strip()

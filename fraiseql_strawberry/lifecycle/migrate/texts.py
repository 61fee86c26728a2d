"""The SQL files of this package, and the two forms of a migration's first and last statement."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

__all__ = [
    "BEGIN",
    "CALL_BEGIN",
    "CALL_END",
    "END",
    "FUNCTIONS",
    "HOME",
    "LEDGER",
    "LEDGER_QUERIES",
    "PLACES_QUERIES",
    "SET_FOUND",
]

_FOLDER = resources.files("fraiseql_strawberry.lifecycle.migrate").joinpath("sql")
_NAME = re.compile(r"^-- name: (\w+)$\n", re.MULTILINE)


def _read(name: str) -> str:
    return _FOLDER.joinpath(f"{name}.sql").read_text("utf-8").strip()


def _named(name: str) -> Mapping[str, str]:
    _, *parts = _NAME.split(_read(name))
    return MappingProxyType(dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True)))


FUNCTIONS = {"begin_migration": _read("begin"), "end_migration": _read("end")}
"""The bodies of functions in the schema fraiseql, whose plans PostgreSQL keeps for a session."""

# The same where there are no such functions: planned anew each time, which takes 2 ms.
BEGIN, END = (f"DO $fraiseql$\n{body}\n$fraiseql$" for body in FUNCTIONS.values())
CALL_BEGIN, CALL_END = (f"SELECT fraiseql.{name}()" for name in FUNCTIONS)

SET_FOUND = "SELECT set_config('fraiseql.found', COALESCE(current_schema()::text, ''), true)"
"""Where the search path leads to: a function with a path of its own could not tell."""

HOME = _read("home")
LEDGER = _read("ledger")
LEDGER_QUERIES = _named("ledger_queries")
PLACES_QUERIES = _named("places")

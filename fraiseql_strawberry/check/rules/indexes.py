"""T: indexes of tenant tables, which policies must be able to use."""

from __future__ import annotations

from collections.abc import Iterator

from ...sql.catalog import quoted
from ..facts import Facts
from ..finding import Found, Severity, rule

__all__ = ["T08", "T12"]

_WARNING = Severity.WARNING
_ROW = ("row",)


@rule(
    "T08",
    _WARNING,
    "no index that begins with the tenant",
    why="The policy adds the tenant to every query: without such an index it reads the other "
    "tenants' rows to throw them away.",
    only=_ROW,
)
def T08(facts: Facts) -> Iterator[Found]:  # noqa: N802 - a rule is called by its number
    """No index leads with the tenant."""
    for table in facts.tenant_tables:
        if table.kind == "f" or table.partition:
            continue
        indexes = facts.indexes.get(table.oid, ())
        if not any(index.columns[:1] == (facts.tenant_column,) for index in indexes):
            fix = f"CREATE INDEX CONCURRENTLY ON {table.sql} ({quoted(facts.tenant_column)});"
            yield Found(table.label, "no index begins with the tenant", fix)


@rule(
    "T12",
    _WARNING,
    "an index that policies keep from being used",
    why="Under row-level security only leakproof operators are index conditions: those of "
    "numeric, enums, LIKE, jsonb and arrays are not (120 ms against 0.06).",
    only=_ROW,
)
def T12(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """Operators that are not leakproof."""
    for table in facts.tenant_tables:
        if not table.rls:
            continue
        for index in facts.indexes.get(table.oid, ()):
            if index.leaky:
                fix = "-- sort and filter by uuid, timestamps, integers or text, or drop the index"
                names = "; ".join(index.leaky)
                yield Found(table.label, f"{index.name}: not leakproof: {names}", fix)

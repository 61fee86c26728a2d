"""T: keys of tenant tables, which must name the tenant."""

from __future__ import annotations

from collections.abc import Iterator

from ...sql.catalog import quoted
from ..facts import Facts, Relation
from ..finding import Found, Severity, rule

__all__ = ["T07", "T09", "T10"]

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING
_ROW = ("row",)
_CASCADES = {"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


@rule(
    "T07",
    _ERROR,
    "a tenant column that may be NULL",
    why="A row of nobody is seen by nobody, and a unique key does not hold for it.",
    only=_ROW,
)
def T07(facts: Facts) -> Iterator[Found]:  # noqa: N802 - a rule is called by its number
    """Nullable tenant column."""
    for table in facts.tenant_tables:
        if facts.tenant_column not in table.not_null:
            column = quoted(facts.tenant_column)
            fix = f"ALTER TABLE {table.sql} ALTER COLUMN {column} SET NOT NULL;"
            yield Found(table.label, f"{facts.tenant_column} may be NULL", fix)


@rule(
    "T09",
    _WARNING,
    "uniqueness over all tenants",
    why="The error of a unique key without the tenant tells that another tenant has that value.",
    only=_ROW,
)
def T09(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """UNIQUE without the tenant; a lone random uuid is exempt."""
    for table in facts.tenant_tables:
        for index in facts.indexes.get(table.oid, ()):
            if not index.is_unique or facts.tenant_column in index.columns:
                continue
            if len(index.columns) == 1 and index.columns[0] in _random(table):
                continue
            columns = ", ".join(column or "an expression" for column in index.columns)
            named = ", ".join(quoted(column) for column in index.columns if column)
            fix = (
                f"-- replace {index.name}:\nCREATE UNIQUE INDEX CONCURRENTLY ON {table.sql} "
                f"({quoted(facts.tenant_column)}, {named});"
            )
            yield Found(table.label, f"{index.name} ({columns}) is unique over all tenants", fix)


@rule(
    "T10",
    _WARNING,
    "a foreign key without the tenant",
    why="Foreign keys are checked past the policies: A's row can point at B's, and B's delete "
    "cascades into A.",
    only=_ROW,
)
def T10(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """Foreign keys between tenant tables that leave the tenant out."""
    column = facts.tenant_column
    for key in facts.foreign_keys:
        table, other = facts.relations.get(key.relation), facts.relations.get(key.referenced)
        if table is None or other is None:
            continue
        if table.oid not in facts.holds_tenants or other.oid not in facts.holds_tenants:
            continue
        if (column, column) in zip(key.columns, key.referenced_columns, strict=True):
            continue
        action = _CASCADES.get(key.on_delete) or _CASCADES.get(key.on_update)
        local = ", ".join(map(quoted, (column, *key.columns)))
        remote = ", ".join(map(quoted, (column, *key.referenced_columns)))
        fix = (
            f"ALTER TABLE {table.sql} DROP CONSTRAINT {quoted(key.name)},\n"
            f"  ADD FOREIGN KEY ({local}) REFERENCES {other.sql} ({remote});"
        )
        said = f"{key.name} to {other.label} leaves the tenant out"
        said += f", and it is ON … {action}" if action else ""
        yield Found(table.label, said, fix, _ERROR if action else None)


def _random(table: Relation) -> set[str]:
    uuids = {c for c, t in zip(table.columns, table.types, strict=True) if t == "uuid"}
    return uuids & set(table.random_ids)

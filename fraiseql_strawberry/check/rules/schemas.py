"""M: tenants' schemas, and what leads from one to another."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from ...sql.catalog import quoted
from ..facts import Facts, Relation
from ..finding import Found, Severity, rule

__all__ = ["M01", "M02", "M03", "M04"]

_ERROR, _INFO = Severity.ERROR, Severity.INFO
_SCHEMA = ("schema",)
_MANY = 2


@rule(
    "M01",
    _ERROR,
    "the same table name in public and in tenants' schemas",
    why="Where a tenant's table is missing, or its schema may not be used, public's would be read.",
    only=_SCHEMA,
    at_startup=True,
)
def M01(facts: Facts) -> Iterator[Found]:  # noqa: N802 - a rule is called by its number
    """Names that both have."""
    own = {relation.name for relation in _of_tenants(facts)}
    for relation in facts.relations.values():
        if relation.schema == "public" and relation.name in own:
            fix = f"-- move it away, after a look at what is in it:\nDROP TABLE {relation.sql};"
            yield Found(relation.label, "has the name of tenants' tables", fix)


@rule(
    "M02",
    _ERROR,
    "a default or foreign key that crosses tenants' schemas",
    why="One tenant's sequence or row serves another, and tells of it.",
    only=_SCHEMA,
)
def M02(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """Defaults and foreign keys into another tenant's schema."""
    tenants = _tenant_schemas(facts)
    for default in facts.defaults:
        if default.schema in tenants and default.other_schema in tenants:
            table = f"{quoted(default.schema)}.{quoted(default.name)}"
            yield Found(
                f"{default.schema}.{default.name}",
                f"the default of {default.column} is of {default.other_schema}",
                f"ALTER TABLE {table} ALTER COLUMN {quoted(default.column)} DROP DEFAULT;",
            )
    for key in facts.foreign_keys:
        table, other = facts.relations.get(key.relation), facts.relations.get(key.referenced)
        if table is None or other is None or table.schema == other.schema:
            continue
        if table.schema in tenants and other.schema in tenants:
            fix = f"ALTER TABLE {table.sql} DROP CONSTRAINT {quoted(key.name)};"
            yield Found(table.label, f"{key.name} leads to {other.label}", fix)


@rule(
    "M03",
    _INFO,
    "one role that may use many tenants' schemas",
    why="SQL injection reads another tenant by its qualified name. With role_template each "
    "transaction takes on a role that may use one schema only.",
    only=_SCHEMA,
)
def M03(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """USAGE on many."""
    tenants = _tenant_schemas(facts)
    usable = [s.name for s in facts.schemas if s.may_use and s.name in tenants]
    if len(usable) >= _MANY:
        said = f"may use the schemas of {len(usable)} tenants"
        yield Found(
            facts.server.role, said, '-- [multitenancy] role_template = "tenant_{id}", see the docs'
        )


@rule(
    "M04",
    _ERROR,
    "a tenant's schema that differs from the others",
    why="The same statement means something else there, or fails.",
    only=_SCHEMA,
)
def M04(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """Schemas whose tables, columns or policies are not those that most have."""
    shapes: dict[str, list[str]] = defaultdict(list)
    for relation in _of_tenants(facts):
        columns = ", ".join(
            f"{name} {type_.replace(f'{relation.schema}.', '')}"
            for name, type_ in zip(relation.columns, relation.types, strict=True)
        )
        keys = sorted(
            ", ".join(map(str, index.columns))
            for index in facts.indexes.get(relation.oid, ())
            if index.is_unique
        )
        shapes[relation.schema].append(f"{relation.kind} {relation.name} ({columns}) {keys}")
    tenants = _tenant_schemas(facts)
    found = {name: tuple(sorted(shapes.get(name, ()))) for name in sorted(tenants)}
    if not found:
        return
    usual, _ = Counter(found.values()).most_common(1)[0]
    for name, shape in found.items():
        if shape == usual:
            continue
        missing, extra = sorted({*usual} - {*shape}), sorted({*shape} - {*usual})
        differs = [*(f"lacks {one}" for one in missing), *(f"has {one}" for one in extra)]
        fix = f"-- fraiseql-strawberry migrate drift, then migrate --tenant …: {name}"
        yield Found(name, "; ".join(differs[:3]) + (" …" if len(differs) > 3 else ""), fix)


def _tenant_schemas(facts: Facts) -> frozenset[str]:
    if facts.schema_pattern is None:
        return frozenset()
    like = re.compile(
        "".join(
            ".*" if part == "%" else "." if part == "_" else re.escape(part[-1])
            for part in re.findall(r"\\.|.", facts.schema_pattern)
        )
    )
    return frozenset(s.name for s in facts.schemas if like.fullmatch(s.name))


def _of_tenants(facts: Facts) -> Iterator[Relation]:
    tenants = _tenant_schemas(facts)
    return (relation for relation in facts.relations.values() if relation.schema in tenants)

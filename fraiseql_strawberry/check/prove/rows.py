"""Rows of both tenants to attack: those that are there, or some made for the occasion."""

from __future__ import annotations

from collections.abc import Mapping

from ...sql.catalog import quoted
from ..facts import Facts, Relation
from .ground import Ground, Refused

__all__ = ["fill", "value_of"]

# An expression of each type whose rows differ: a watermark where the type has room for one.
_VALUES = {
    "uuid": "gen_random_uuid()",
    "text": "'fraiseql prove ' || gen_random_uuid()",
    "character varying": "left('prove ' || gen_random_uuid(), {size})",
    "character": "left(md5(random()::text), {size})",
    "name": "left(md5(random()::text), 20)",
    "citext": "md5(random()::text)",
    "boolean": "true",
    "smallint": "(random() * 30000)::smallint",
    "integer": "(random() * 2000000000)::integer",
    "bigint": "(random() * 9000000000000)::bigint",
    "numeric": "1",
    "real": "random()::real",
    "double precision": "random()",
    "date": "current_date",
    "timestamp without time zone": "localtimestamp",
    "timestamp with time zone": "now()",
    "time without time zone": "localtime",
    "interval": "interval '1 day'",
    "jsonb": "jsonb_build_object('prove', gen_random_uuid())",
    "json": "json_build_object('prove', gen_random_uuid())",
    "bytea": "uuid_send(gen_random_uuid())",
    "inet": "inet '127.0.0.1'",
}


async def fill(ground: Ground, facts: Facts, table: Relation, tenant: str) -> str | None:
    """Make a row of a tenant's in a table where it has none; rows it needs are made first.

    Args:
        ground: In a transaction.
        facts: What tables there are.
        table: The table.
        tenant: Whose row; the ground is bound to that tenant afterwards.

    Returns:
        None; or why there is no row.
    """
    return await _Filler(ground, facts, tenant).fill(table, frozenset())


class _Filler:
    def __init__(self, ground: Ground, facts: Facts, tenant: str) -> None:
        self._ground = ground
        self._facts = facts
        self._tenant = tenant

    async def fill(self, table: Relation, above: frozenset[int]) -> str | None:
        await self._ground.become(self._tenant)
        # Where policies let a tenant see another's row, that is none of its own.
        own, args = "", ()
        if self._facts.tenant_column in table.columns:
            own, args = f" WHERE {quoted(self._facts.tenant_column)}::text = $1", (self._tenant,)
        try:
            if await self._ground.rows(f"SELECT 1 FROM {table.sql}{own} LIMIT 1", *args):  # noqa: S608
                return None
        except Refused as error:
            return f"reading is refused ({error.code})"
        values: dict[str, str] = {}
        for key in self._facts.foreign_keys:
            other = self._facts.relations.get(key.referenced)
            if key.relation != table.oid or other is None or other.oid == table.oid:
                continue
            if not set(key.columns) & set(table.not_null) - {self._facts.tenant_column}:
                continue  # it may point nowhere
            if other.oid in above:
                return f"{table.label} and {other.label} need each other"
            why = await self.fill(other, above | {table.oid})
            if why is not None:
                return f"it needs a row of {other.label}: {why}"
            for column, referenced in zip(key.columns, key.referenced_columns, strict=True):
                values[column] = f"(SELECT {quoted(referenced)} FROM {other.sql} LIMIT 1)"  # noqa: S608
        return await self._insert(table, values)

    async def _insert(self, table: Relation, values: Mapping[str, str]) -> str | None:
        columns = dict(values)
        for name, type_ in zip(table.columns, table.types, strict=True):
            if name == self._facts.tenant_column:
                columns[name] = "$1"
            elif name in table.not_null and name not in columns and name not in table.random_ids:
                made = value_of(type_)
                if made is None and name not in table.defaults:
                    return f"no value of type {type_} can be made up"
                if name not in table.defaults and made is not None:
                    columns[name] = made
        names = ", ".join(map(quoted, columns))
        tenant = self._facts.tenant_column
        cast = dict(zip(table.columns, table.types, strict=True)).get(tenant, "text")
        row = ", ".join(columns.values()).replace("$1", f"$1::text::{cast}")
        try:
            await self._ground.rows(
                f"INSERT INTO {table.sql} ({names}) VALUES ({row})",  # noqa: S608
                *((self._tenant,) if tenant in columns else ()),
            )
        except Refused as error:
            return f"a row of its own is refused ({error.code})"
        return None


def value_of(type_: str) -> str | None:
    """An expression of a type whose values differ where they can, or None.

    Args:
        type_: Its name in SQL.
    """
    base, _, size = type_.partition("(")
    if type_.endswith("[]"):
        return f"'{{}}'::{type_}"
    made = _VALUES.get(base)
    return None if made is None else made.format(size=size.rstrip(")") or "60")

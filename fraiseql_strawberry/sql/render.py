"""Plan → SQL text: one statement whose single value is the finished JSON.

The forms are the measured ones (DESIGN.md 5): `row_to_json(record)` over `ARRAY(SELECT …)`,
which add no white space; to-one relations as scalar subqueries per row, since a join under LIMIT
took 17 ms under a custom plan; one statement per shape of absent filters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .catalog import OBJECT_COLUMN, ColumnType, quoted
from .column_text import column_text
from .keyset import KeysetKey, behind, cursor
from .naming import SCHEMA_GAP, parameter_text, source_text, type_text
from .operators import comparison
from .plan import (
    Aggregate,
    And,
    Behind,
    ColumnRef,
    Compare,
    Condition,
    Connection,
    Constant,
    CursorOf,
    Document,
    EdgeList,
    Exists,
    Field,
    Filter,
    Hop,
    Join,
    Keys,
    Nested,
    NodeOf,
    Not,
    Or,
    Order,
    PageFact,
    PageFacts,
    Parameter,
    Plan,
    Select,
    Total,
    Value,
)
from .render_aggregate import AggregateWriter
from .scalars import literal, output

__all__ = ["MAX_KEY", "TENANT", "Rendered", "render"]

MAX_KEY = 63
"""Bytes of a column alias, and so of a response key (NAMEDATALEN - 1)."""

_JSONB = ColumnType("jsonb")

TENANT = "$1::text"
"""The tenant in a statement over distributed tables; elsewhere `$1` may be anything."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A statement, with a gap wherever the schema of an unqualified name goes."""

    parts: tuple[str, ...]

    def text(self, schema: str | None = None) -> str:
        """The statement.

        Args:
            schema: The schema that unqualified sources are read from; None leaves them to the
                search path.
        """
        return ("" if schema is None else f"{quoted(schema)}.").join(self.parts)


def render(plan: Plan, *, first_parameter: int = 1, tenant: str = TENANT) -> Rendered:
    """Write the statement of a plan.

    Args:
        plan: The plan.
        first_parameter: The number of its first parameter; those before it are the caller's.
        tenant: What gives the tenant as text, where a plan names it.

    Returns:
        `SELECT …` with one row and one column of type json.
    """
    writer = _Writer(first_parameter, tenant)
    sql = writer.keyed(plan.keys, plan.roots) if plan.keys else writer.operation(plan.roots)
    return Rendered(tuple(sql.split(SCHEMA_GAP)))


class _Writer:
    def __init__(self, first_parameter: int, tenant: str) -> None:
        self._first = first_parameter
        self._tenant_text = tenant
        self._aliases = 0

    def operation(self, roots: tuple[Constant | Nested | Connection | Aggregate, ...]) -> str:
        columns = ", ".join(self._field(root, "") for root in roots)
        return f"SELECT row_to_json(t$) FROM (SELECT {columns}) AS t$"

    def keyed(
        self, keys: Keys, roots: tuple[Constant | Nested | Connection | Aggregate, ...]
    ) -> str:
        """One JSON array with the value of the one root for each key, in the order of the keys."""
        parent = self.alias()
        arrays = ", ".join(self._parameter(p) for p in keys.parameters)
        names = ", ".join([*(quoted(ref.name) for ref in keys.columns), '"#"'])
        (root,) = roots
        assert isinstance(root, Nested)
        # Arrays of unequal lengths do not nest, so each list becomes json first.
        value = self._nested(root, parent)
        value = f"array_to_json({value})" if root.many else value
        return (
            f"SELECT array_to_json(ARRAY(SELECT {value} FROM unnest({arrays}) WITH ORDINALITY "
            f'AS {parent}({names}) ORDER BY {parent}."#"))'
        )

    def alias(self) -> str:
        """A name for rows that no other rows of the statement have."""
        # A name that no response key can have: in SELECT t2 FROM (SELECT … AS t2) AS t2 it would
        # be the column.
        self._aliases += 1
        return f"t${self._aliases}"

    def _field(self, field: Field, alias: str) -> str:
        match field:
            case Value():
                value = output(
                    field.scalar,
                    column_text(field.column, alias),
                    field.column.type,
                    marked=field.marked,
                )
            case Constant():
                value = literal(field.text)
            case Nested():
                value = self._nested(field, alias)
            case Document():
                value = self._document(field, alias)
            case Connection():
                value = self._connection(field)
            case Aggregate():
                value = AggregateWriter(self).text(field)
        return f"{value} AS {quoted(field.key)}"

    def _nested(self, field: Nested, parent: str) -> str:
        rows = self._select(field.select, field.join, parent)
        return f"ARRAY({rows})" if field.many else f"({rows})"

    def _connection(self, field: Connection) -> str:
        page, row = self.alias(), self.alias()
        columns = ", ".join(
            f"{self._of_connection(below, field, page)} AS {quoted(below.key)}"
            for below in field.fields
        )
        # Read once for edges and facts, one row further than the page goes; not at all where
        # neither is asked for, but the statement always has the same parameters.
        rows = self._page(field)
        return (
            f"(WITH {page} AS MATERIALIZED ({rows}) SELECT {row} FROM (SELECT {columns}) AS {row})"
        )

    def _page(self, field: Connection) -> str:
        select, alias = field.select, self.alias()
        order = ", ".join(self._order(key, alias) for key in select.order)
        prefix = self._parameter(field.prefix)
        keys = [_as_text(key.column, column_text(key.column, alias)) for key in select.order]
        columns = [
            f'row_number() OVER (ORDER BY {order}) AS "#"',
            f'{cursor(prefix, keys)} AS "#c"',
        ]
        for number, fields in enumerate(field.nodes):
            row = self.alias()
            node = ", ".join(self._field(below, alias) for below in fields)
            columns.append(
                f'(SELECT row_to_json({row}) FROM (SELECT {node}) AS {row}) AS "{number}"'
            )
        sql = f"SELECT {', '.join(columns)} FROM {source_text(select.source)} AS {alias}"
        where = [*self._tenant(select.tenant, alias), self._all(select.filters, alias)]
        sql += f" WHERE {' AND '.join(where)}"
        return f"{sql} ORDER BY {order} LIMIT {self.number(select.limit)} + 1"

    def _of_connection(
        self, field: Constant | EdgeList | PageFacts | Total, connection: Connection, page: str
    ) -> str:
        match field:
            case Constant():
                return literal(field.text)
            case Total():
                alias = self.alias()
                counted = self._all(connection.counted, alias)
                where = " AND ".join([*self._tenant(connection.select.tenant, alias), counted])
                source = source_text(connection.select.source)
                return f"(SELECT count(*) FROM {source} AS {alias} WHERE {where})"
            case PageFacts():
                row = self.alias()
                facts = ", ".join(
                    f"{self._fact(fact, connection, page)} AS {quoted(fact.key)}"
                    for fact in field.fields
                )
                return f"(SELECT {row} FROM (SELECT {facts}) AS {row})"
            case EdgeList():
                row = self.alias()
                columns = ", ".join(_of_edge(below, page) for below in field.fields)
                rows = self._page_rows(connection, page, columns, backwards=connection.backwards)
                return f"ARRAY(SELECT {row} FROM ({rows}) AS {row})"

    def _fact(self, fact: Constant | PageFact, connection: Connection, page: str) -> str:
        if isinstance(fact, Constant):
            return literal(fact.text)
        if fact.name.endswith("cursor"):
            backwards = connection.backwards != (fact.name == "end_cursor")
            cursors = self._page_rows(connection, page, f'{page}."#c"', backwards=backwards)
            return f"({cursors} LIMIT 1)"
        ahead = fact.name == ("has_previous_page" if connection.backwards else "has_next_page")
        if not ahead:
            return "true" if connection.bounded else "false"
        return f"(SELECT count(*) FROM {page}) > {self.number(connection.select.limit)}"

    def _page_rows(
        self, connection: Connection, page: str, columns: str, *, backwards: bool
    ) -> str:
        limit = self.number(connection.select.limit)
        order = " DESC" if backwards else ""
        return (
            f'SELECT {columns} FROM {page} WHERE {page}."#" <= {limit} ORDER BY {page}."#"{order}'
        )

    def number(self, number: Parameter | int | None) -> str:
        """How many: a number of ours, or the client's."""
        return self._parameter(number) if isinstance(number, Parameter) else str(number)

    def _behind(self, condition: Behind, alias: str) -> str:
        keys = zip(condition.keys, condition.nullable, condition.parameters, strict=True)
        return behind(
            [
                KeysetKey(
                    column_text(key.column, alias),
                    self._parameter(parameter),
                    key.descending,
                    key.nulls == "first" if key.nulls else key.descending,
                    nullable,
                )
                for key, nullable, parameter in keys
            ]
        )

    def _document(self, field: Document, parent: str) -> str:
        json = column_text(field.column, parent)
        if field.column.type != _JSONB:
            json = f"to_jsonb({json})"
        alias, row = self.alias(), self.alias()
        columns = ", ".join(self._field(below, alias) for below in field.fields)
        column = quoted(OBJECT_COLUMN)
        is_object = f"jsonb_typeof({alias}.{column}) = 'object'"
        if field.many:
            items = (
                f"SELECT (SELECT {row} FROM (SELECT {columns} WHERE {is_object}) AS {row}) "
                f"FROM jsonb_array_elements({json}) AS {alias}({column})"
            )
            return f"CASE WHEN jsonb_typeof({json}) = 'array' THEN ARRAY({items}) END"
        # OFFSET 0 keeps PostgreSQL from writing the expression out once per key, which takes the
        # whole document apart each time: 3.5 against 7.7 µs a row where it is compressed.
        origin = f"(SELECT {json} AS {column} OFFSET 0) AS {alias}"
        return f"(SELECT {row} FROM (SELECT {columns} FROM {origin} WHERE {is_object}) AS {row})"

    def rows(self, select: Select, alias: str) -> str:
        """`FROM … WHERE …`: all rows of a source for which its conditions hold."""
        where = [*self._tenant(select.tenant, alias), self._all(select.filters, alias)]
        return f"FROM {source_text(select.source)} AS {alias} WHERE {' AND '.join(where)}"

    def _select(self, select: Select, join: Join | None, parent: str) -> str:
        alias, row = self.alias(), self.alias()
        columns = ", ".join(self._field(field, alias) for field in select.fields)
        origin = f"{source_text(select.source)} AS {alias}"
        conditions: list[str] = []
        if join is not None:
            joined, conditions = self._join(join, alias, parent)
            origin += joined
        conditions += self._tenant(select.tenant, alias)
        conditions += [self._condition(condition, alias) for condition in select.filters]
        sql = f"SELECT {columns} FROM {origin}"
        if conditions:
            sql += f" WHERE {' AND '.join(conditions)}"
        if select.order:
            sql += f" ORDER BY {', '.join(self._order(key, alias) for key in select.order)}"
        if select.limit is not None:
            limit = select.limit
            sql += f" LIMIT {limit if isinstance(limit, int) else self._parameter(limit)}"
        if select.offset is not None:
            sql += f" OFFSET {self._parameter(select.offset)}"
        return f"SELECT {row} FROM ({sql}) AS {row}"

    def _join(self, join: Join, alias: str, parent: str) -> tuple[str, list[str]]:
        locals_ = [column_text(ref, parent) for ref in join.local]
        remotes = [column_text(ref, alias) for ref in join.remote]
        if join.link is None:
            return "", [f"{b} = {a}" for a, b in zip(locals_, remotes, strict=True)]
        link = self.alias()
        pairs = zip(join.link.remote, remotes, strict=True)
        matches = [f"{column_text(ref, link)} = {remote}" for ref, remote in pairs]
        on = " AND ".join([*matches, *self._tenant(join.link.tenant, link)])
        pairs = zip(join.link.local, locals_, strict=True)
        return (
            f" JOIN {source_text(join.link.source)} AS {link} ON {on}",
            [f"{column_text(ref, link)} = {local}" for ref, local in pairs],
        )

    def _condition(self, condition: Condition, alias: str) -> str:
        match condition:
            case Filter():
                return self._filter(condition, alias)
            case Compare():
                return self._compare(condition, alias)
            case And():
                return self._all(condition.items, alias)
            case Or():
                items = [self._condition(item, alias) for item in condition.items]
                return f"({' OR '.join(items)})" if items else "false"
            case Not(Exists() as found):
                return f"NOT {self._condition(found, alias)}"
            case Not():
                # NOT would leave unknown what a null makes unknown.
                return f"({self._condition(condition.item, alias)}) IS NOT TRUE"
            case Behind():
                return self._behind(condition, alias)
            case Exists():
                return f"EXISTS ({self._hop(condition.hop, alias, None, condition.conditions)})"

    def _all(self, conditions: tuple[Condition, ...], alias: str) -> str:
        items = [self._condition(item, alias) for item in conditions]
        return f"({' AND '.join(items)})" if items else "true"

    def _compare(self, compare: Compare, alias: str) -> str:
        parameter = compare.parameter and self._parameter(compare.parameter)
        path = compare.path and self._parameter(compare.path)
        column = column_text(compare.column, alias)
        return comparison(compare.operator, column, compare.column.type, parameter, path)

    def _hop(
        self, hop: Hop, parent: str, below: Order | None, conditions: tuple[Condition, ...] = ()
    ) -> str:
        """The rows of one step: nothing of them, or what an order wants of them."""
        alias = self.alias()
        joined, where = self._join(hop.join, alias, parent)
        where += self._tenant(hop.tenant, alias)
        origin = f"{source_text(hop.source)} AS {alias}{joined}"
        value = "" if below is None else f" {self._ordered(below, alias)}"
        if not hop.order:
            where += [self._condition(condition, alias) for condition in conditions]
            return f"SELECT{value} FROM {origin} WHERE {' AND '.join(where)}"
        order = ", ".join(self._order(key, alias) for key in hop.order)
        if below is not None:
            return (
                f"SELECT{value} FROM {origin} WHERE {' AND '.join(where)} ORDER BY {order} LIMIT 1"
            )
        # Of several rows the first is meant, whatever the conditions say of the others.
        first = (
            f"SELECT {alias}.* FROM {origin} WHERE {' AND '.join(where)} ORDER BY {order} LIMIT 1"
        )
        return f"SELECT FROM ({first}) AS {alias} WHERE {self._all(conditions, alias)}"

    def _order(self, key: Order, alias: str) -> str:
        nulls = f" NULLS {key.nulls.upper()}" if key.nulls else ""
        return self._ordered(key, alias) + (" DESC" if key.descending else "") + nulls

    def _ordered(self, key: Order, alias: str) -> str:
        if not key.hops:
            return column_text(key.column, alias)
        return f"({self._hop(key.hops[0], alias, replace(key, hops=key.hops[1:]))})"

    def _filter(self, filter_: Filter, alias: str) -> str:
        column, parameter = column_text(filter_.column, alias), self._parameter(filter_.parameter)
        one_of_many = filter_.parameter.array and not filter_.column.type.array
        return f"{column} = ANY({parameter})" if one_of_many else f"{column} = {parameter}"

    def _tenant(self, ref: ColumnRef | None, alias: str) -> list[str]:
        """What tells Citus the one shard that the rows are on, before any policy is asked."""
        if ref is None:
            return []
        return [f"{column_text(ref, alias)} = {self._tenant_text}::{type_text(ref.type)}"]

    def _parameter(self, parameter: Parameter) -> str:
        return parameter_text(self._first + parameter.slot, parameter.type, array=parameter.array)


def _of_edge(field: Constant | CursorOf | NodeOf, page: str) -> str:
    match field:
        case Constant():
            value = literal(field.text)
        case CursorOf():
            value = f'{page}."#c"'
        case NodeOf():
            value = f'{page}."{field.number}"'
    return f"{value} AS {quoted(field.key)}"


def _as_text(ref: ColumnRef, column: str) -> str:
    """A key of a cursor: JSON writes moments whatever DateStyle says, and numbers as they are."""
    if ref.type.name in ("date", "timestamp", "timestamptz", "bool"):
        return column
    return f"({column})::text"

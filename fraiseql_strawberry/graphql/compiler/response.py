"""What the fast lane reads of rows: the response itself, under the keys that were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from graphql import FieldNode, GraphQLObjectType, OperationDefinitionNode

from ...sql.plan import (
    Aggregate,
    Behind,
    Connection,
    Constant,
    CursorOf,
    Document,
    EdgeList,
    Field,
    Nested,
    NodeOf,
    PageFact,
    PageFacts,
    Plan,
    Total,
    Value,
)
from ...sql.source import JsonObject, Origin
from .aggregates import AggregateReader
from .asked import field_of
from .builder import Builder, Expanded
from .columns import leaf_ref
from .connections import Page
from .fields import (
    Aggregated,
    Connected,
    Embedded,
    Leaf,
    Related,
    Root,
    Written,
)
from .index import ObjectIndex, SchemaIndex
from .reason import SteppedAside
from .selection import Fragments, collect, subselections
from .statement import Cost

__all__ = ["ResponseBuilder", "connection_of", "require_sources", "root_object"]

# PostgreSQL's own limit is 1,664 in a target list.
_MAX_COLUMNS = 1600


def require_sources(
    index: SchemaIndex, operation: OperationDefinitionNode, fragments: Fragments
) -> None:
    """Say at once, not at the first request, that a field is only Strawberry's to resolve."""
    below = [(root_object(index, operation), [operation.selection_set])]
    while below:
        object_, selections = below.pop()
        for key, nodes in collect(index.schema, object_.type, selections, fragments, {}).items():
            field = field_of(object_, key, nodes)
            if isinstance(field, (Embedded, Related, Root, Written)):
                target = index.object(_selected_from(field))
                _refuse_onlookers(target)
                below.append((target, subselections(nodes)))


def _selected_from(field: Embedded | Related | Root | Written) -> str:
    match field:
        case Connected():
            return field.connection
        case Aggregated():
            return field.aggregate
        case _:
            return field.target


def root_object(index: SchemaIndex, operation: OperationDefinitionNode) -> ObjectIndex:
    """The type whose fields an operation selects."""
    root = index.schema.get_root_type(operation.operation)
    return index.object(cast(GraphQLObjectType, root).name)


class ResponseBuilder(Builder):
    """Reads what goes out: values under their response keys, and nothing else."""

    def operation(self, operation: OperationDefinitionNode) -> tuple[Plan, tuple[Cost, ...]]:
        """The plan of all root fields."""
        query = root_object(self.index, operation)
        grouped = collect(
            self.index.schema, query.type, [operation.selection_set], self.fragments, self.values
        )
        roots: list[Constant | Nested | Connection | Aggregate] = []
        costs: list[Cost] = []
        for key, nodes in grouped.items():
            field = field_of(query, key, nodes)
            match field:
                case Constant():
                    roots.append(field)
                case Connected():
                    connection, cost, _ = self.connection(key, field, nodes)
                    roots.append(connection)
                    costs.append(cost)
                case Aggregated():
                    aggregate, cost, _ = self.aggregate(key, field, nodes)
                    roots.append(aggregate)
                    costs.append(cost)
                case Root():
                    nested, cost, _ = self.root(key, field, nodes)
                    roots.append(nested)
                    costs.append(cost)
                case _:
                    raise SteppedAside(f"{query.name}.{nodes[0].name.value} is no source")
        return Plan(_not_too_many(roots)), tuple(costs)

    def expand(self, object_: ObjectIndex, source: Origin, nodes: Sequence[FieldNode]) -> Expanded:
        """Values, objects and relations under their response keys."""
        _refuse_onlookers(object_)
        grouped = collect(
            self.index.schema, object_.type, subselections(nodes), self.fragments, self.values
        )
        fields: list[Field] = []
        costs: list[Cost] = []
        for key, below in grouped.items():
            field = field_of(object_, key, below)
            match field:
                case Constant():
                    fields.append(field)
                case Leaf():
                    user = f"{object_.name}.{field.python_name}"
                    ref, scalar = leaf_ref(
                        self.catalog, source, field.python_name, field.scalar, user
                    )
                    fields.append(Value(key, ref, scalar, field.nullable))
                case Embedded():
                    document, cost = self._embedded(key, object_, source, field, below)
                    fields.append(document)
                    costs.append(cost)
                case Related():
                    nested, cost, _ = self.related(key, object_, source, field, below)
                    fields.append(nested)
                    costs.append(cost)
                case _:
                    raise SteppedAside(f"{object_.name}.{below[0].name.value} is a root field")
        return Expanded(_not_too_many(fields), tuple(costs))

    def connection(
        self, key: str, field: Connected, nodes: Sequence[FieldNode]
    ) -> tuple[Connection, Cost, Any]:
        """A page of rows under the response keys that were asked for."""
        page = self.page(field, nodes)
        rows: list[Expanded] = []
        fields = [
            self._of_connection(below_key, name, type_, below, field, rows)
            for below_key, name, type_, below in self._parts(field.connection, nodes)
        ]
        connection = connection_of(key, page, field, fields, [row.fields for row in rows])
        costs = (cost for row in rows for cost in row.costs)
        cost = Cost(page.cost.limit, page.cost.slot, (*page.cost.below, *costs))
        return connection, cost, None

    def aggregate(
        self, key: str, field: Aggregated, nodes: Sequence[FieldNode]
    ) -> tuple[Aggregate, Cost, Any]:
        """What rows come to, under the response keys that were asked for."""
        return AggregateReader(self, field, in_response=True).read(key, nodes)

    def _parts(
        self, type_name: str, nodes: Sequence[FieldNode]
    ) -> Iterator[tuple[str, str, str, list[FieldNode]]]:
        """Response key, Python name, type and nodes of what is asked of Relay's own objects."""
        object_ = self.index.object(type_name)
        grouped = collect(
            self.index.schema, object_.type, subselections(nodes), self.fragments, self.values
        )
        for key, below in grouped.items():
            field = field_of(object_, key, below)
            match field:
                case Constant():
                    yield key, "__typename", type_name, below
                case Leaf() | Embedded():
                    target = field.target if isinstance(field, Embedded) else ""
                    yield key, field.python_name, target, below
                case _:
                    raise SteppedAside(f"{type_name} has fields of the application's own")

    def _of_connection(
        self,
        key: str,
        name: str,
        type_: str,
        nodes: list[FieldNode],
        field: Connected,
        rows: list[Expanded],
    ) -> Constant | EdgeList | PageFacts | Total:
        match name:
            case "__typename":
                return Constant(key, type_)
            case "total_count":
                return Total(key)
            case "page_info":
                parts = self._parts(type_, nodes)
                return PageFacts(key, tuple(_page_fact(k, n, t) for k, n, t, _ in parts))
            case "edges":
                edges = (
                    self._of_edge(k, n, t, below, field, rows)
                    for k, n, t, below in self._parts(type_, nodes)
                )
                return EdgeList(key, tuple(edges))
            case _:
                raise SteppedAside("a connection with fields of the application's own")

    def _of_edge(
        self,
        key: str,
        name: str,
        type_: str,
        nodes: list[FieldNode],
        field: Connected,
        rows: list[Expanded],
    ) -> Constant | CursorOf | NodeOf:
        if name == "__typename":
            return Constant(key, type_)
        if name == "cursor":
            return CursorOf(key)
        rows.append(self.expand(self.index.object(field.target), field.query.source, nodes))
        return NodeOf(key, len(rows) - 1)

    def _embedded(
        self,
        key: str,
        object_: ObjectIndex,
        source: Origin,
        field: Embedded,
        nodes: Sequence[FieldNode],
    ) -> tuple[Document, Cost]:
        name = f"{object_.name}.{field.python_name}"
        if not field.required and not self.catalog.columns_of(source).holds(field.python_name):
            raise SteppedAside(f"{name} is an object without a column or a relation")
        below = self.expand(self.index.object(field.target), JsonObject(name), nodes)
        return self.document(key, object_, source, field, below)


def connection_of(
    key: str,
    page: Page,
    field: Connected,
    fields: Sequence[Constant | EdgeList | PageFacts | Total],
    nodes: Sequence[tuple[Field, ...]],
) -> Connection:
    """A connection, of its page and what is read of it."""
    counted = tuple(c for c in page.select.filters if not isinstance(c, Behind))
    return Connection(
        *(key, page.select, counted, page.prefix, tuple(nodes), tuple(fields)),
        *(page.backwards, page.bounded, field.nullable),
    )


def _page_fact(key: str, name: str, type_: str) -> Constant | PageFact:
    if name == "__typename":
        return Constant(key, type_)
    return PageFact(key, cast(Any, name))


def _refuse_onlookers(object_: ObjectIndex) -> None:
    if object_.onlooker is not None:
        raise SteppedAside(object_.onlooker)


def _not_too_many(fields: list[Any]) -> tuple[Any, ...]:
    if len(fields) > _MAX_COLUMNS:
        raise SteppedAside("more fields than PostgreSQL has columns")
    return tuple(fields)

"""From fields of a document to nodes of a plan: sources, filters, order, limits, joins.

What is read of each row is the lanes' own affair: they fill in `expand`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, cast

from graphql import FieldNode, GraphQLInputObjectType, GraphQLList

from ...sql.catalog import Catalog, ColumnType
from ...sql.parameters import parameter_type
from ...sql.plan import (
    Aggregate,
    Condition,
    Connection,
    Document,
    Field,
    Filter,
    Nested,
    Order,
    Parameter,
    Select,
)
from ...sql.scalars import Scalar
from ...sql.source import Origin, Source, SourceQuery, parse_order_by
from .arguments import ArgumentValue, Computed, Given, Known, Values, read_arguments
from .columns import column_ref, document_ref, tenant_ref
from .comparing import comparable_values
from .conditions import Conditions
from .connections import Page, read_page
from .core import argument_type, named_type, nullable_type
from .fields import Aggregated, Argument, Arguments, Connected, Embedded, Related, Root
from .hops import fixed_order
from .index import ObjectIndex, SchemaIndex
from .joins import join_of
from .orders import read_order
from .python_scalars import scalar_of_annotation
from .reason import SteppedAside
from .selection import Fragments
from .settings import Settings
from .statement import Convert, Cost, Slots

__all__ = ["LIST_ARGUMENTS", "Builder", "Expanded", "argument_scalar", "is_list"]

LIST_ARGUMENTS = frozenset(
    {"limit", "offset", "where", "order_by", "first", "after", "last", "before"}
)
"""Arguments that shape a list instead of filtering a column."""

_NO_LITERALS: Mapping[int, int] = {}


@dataclass(frozen=True, slots=True)
class Expanded:
    """What is read of each row, what it costs, and what a lane wants to remember of it."""

    fields: tuple[Field, ...]
    costs: tuple[Cost, ...]
    hydrate: Any = None


class Builder(ABC):
    """Builds the plan of one shape.

    Args:
        index: The schema.
        catalog: The columns.
        settings: The bounds.
        fragments: The document's fragments.
        values: Coerced variables and literals of the request whose shape this is.
        lifted: Literals that stand for any of their kind: start in the text → number.
    """

    def __init__(
        self,
        index: SchemaIndex,
        catalog: Catalog,
        settings: Settings,
        fragments: Fragments,
        values: Values,
        lifted: Mapping[int, int] = _NO_LITERALS,
    ) -> None:
        self.index = index
        self.catalog = catalog
        self.settings = settings
        self.fragments = fragments
        self.values = values
        self.slots = Slots()
        self._lifted = lifted

    @abstractmethod
    def expand(self, object_: ObjectIndex, source: Origin, nodes: Sequence[FieldNode]) -> Expanded:
        """What is read of each row of a source, or of each JSON object."""

    def root(self, key: str, root: Root, nodes: Sequence[FieldNode]) -> tuple[Nested, Cost, Any]:
        """A root field."""
        object_, query = self.index.object(root.target), root.query
        values = self.arguments(nodes, root.arguments)
        conditions, costs = self._conditions(object_, root, values)
        refs = self._ordered(object_, root, values)
        limit, offset, cost = self.bounds(values, root.many, self.settings.max_limit)
        if not root.many and refs:
            limit = 1  # the first of an order; without one, a second row is an error
        below = self.expand(object_, query.source, nodes)
        select = Select(
            self.catalog.located(query.source),
            below.fields,
            conditions,
            refs,
            limit,
            offset,
            tenant_ref(self.catalog, query.source),
        )
        cost = Cost(cost.limit, cost.slot, (*below.costs, *costs))
        return Nested(key, select, root.many, root.nullable), cost, below.hydrate

    def page(self, field: Connected, nodes: Sequence[FieldNode]) -> Page:
        """The page of a connection, without what is read of its rows."""
        object_ = self.index.object(field.target)
        values = self.arguments(nodes, field.arguments)
        conditions, costs = self._conditions(object_, field, values)
        order = self._ordered(object_, field, values)
        page = read_page(
            *(self.catalog, object_, field, values, self.slots, order, conditions),
            *(self.settings.default_limit, self.settings.max_limit),
        )
        return replace(page, cost=replace(page.cost, below=costs))

    @abstractmethod
    def connection(
        self, key: str, field: Connected, nodes: Sequence[FieldNode]
    ) -> tuple[Connection, Cost, Any]:
        """A root field that is a page of rows."""

    def rows(
        self, field: Aggregated, nodes: Sequence[FieldNode]
    ) -> tuple[Select, tuple[Cost, ...]]:
        """The rows of an aggregate, and what its conditions cost."""
        values = self.arguments(nodes, field.arguments)
        conditions, costs = self._conditions(self.index.object(field.target), field, values)
        source = field.query.source
        select = Select(
            *(self.catalog.located(source), (), conditions),
            tenant=tenant_ref(self.catalog, source),
        )
        return select, costs

    @abstractmethod
    def aggregate(
        self, key: str, field: Aggregated, nodes: Sequence[FieldNode]
    ) -> tuple[Aggregate, Cost, Any]:
        """A root field that is what rows come to."""

    def related(
        self,
        key: str,
        parent: ObjectIndex,
        source: Origin | None,
        field: Related,
        nodes: Sequence[FieldNode],
    ) -> tuple[Nested, Cost, Any]:
        """A relation of a row; without a `source` of that row, the join is to bare keys."""
        object_, relation = self.index.object(field.target), field.relation
        remote = self.source_of(object_)
        join = join_of(self.catalog, parent, source, object_, remote, relation)
        values = self.arguments(nodes, field.arguments)
        default = self.settings.default_limit if relation.limit is None else relation.limit
        limit, offset, cost = self.bounds(values, field.many, default)
        order = fixed_order(self.catalog, object_, remote, relation.order_by)
        if not field.many and order:
            limit = 1
        below = self.expand(object_, remote, nodes)
        select = Select(
            self.catalog.located(remote),
            below.fields,
            (),
            order,
            limit,
            offset,
            tenant_ref(self.catalog, remote),
        )
        cost = Cost(cost.limit, cost.slot, below.costs)
        return Nested(key, select, field.many, field.nullable, join), cost, below.hydrate

    def document(
        self, key: str, parent: ObjectIndex, source: Origin, field: Embedded, below: Expanded
    ) -> tuple[Document, Cost]:
        """An object, or a list of them, inside of a row's JSON."""
        user = f"{parent.name}.{field.python_name}"
        ref = document_ref(self.catalog, source, field.python_name, user)
        document = Document(key, ref, below.fields, field.many, field.nullable, field.item_nullable)
        # However long, it is the data of one row.
        return document, Cost(1, None, below.costs)

    def source_of(self, object_: ObjectIndex) -> Source:
        """The source of a related type."""
        if object_.source is None:
            raise SteppedAside(f"{object_.name} has no sql_source")
        return object_.source

    def arguments(
        self, nodes: Sequence[FieldNode], arguments: Arguments
    ) -> dict[str, ArgumentValue]:
        """What a field is given."""
        return read_arguments(nodes[0], arguments, self.values, self._lifted)

    def _filter(
        self,
        object_: ObjectIndex,
        query: SourceQuery,
        arguments: Mapping[str, Argument],
        name: str,
        value: ArgumentValue,
    ) -> Filter:
        column = query.id_column if name == query.id_arg else query.filters.get(name, name)
        argument = argument_named(arguments, name)
        scalar = object_.scalar_of(column) or argument_scalar(argument)
        ref = column_ref(self.catalog, query.source, column, scalar, f"argument {name!r}")
        many = is_list(argument)
        convert, array = comparable_values(ref, scalar, many=many)
        slot = self.slots.add(value, convert, name)
        return Filter(ref, Parameter(slot, parameter_type(ref.type), array))

    def _conditions(
        self, object_: ObjectIndex, root: Root, values: Mapping[str, ArgumentValue]
    ) -> tuple[tuple[Condition, ...], tuple[Cost, ...]]:
        filters = tuple(
            self._filter(object_, root.query, root.arguments, name, value)
            for name, value in values.items()
            if name not in LIST_ARGUMENTS
        )
        conditions, costs = self._where(object_, root, values)
        return (*filters, *conditions), costs

    def _ordered(
        self, object_: ObjectIndex, root: Root, values: Mapping[str, ArgumentValue]
    ) -> tuple[Order, ...]:
        chosen = self._chosen_order(object_, root, values)
        query = root.query
        return chosen or fixed_order(self.catalog, object_, query.source, query.order_by)

    def _where(
        self, object_: ObjectIndex, root: Root, values: Mapping[str, ArgumentValue]
    ) -> tuple[tuple[Condition, ...], tuple[Cost, ...]]:
        value = values.get("where")
        if value is None:
            return (), ()
        type_ = argument_type(argument_named(root.arguments, "where").definition)
        reader = Conditions(self.index, self.catalog, self.settings, self.values, self.slots)
        found = reader.read(object_, root.query.source, value, type_)
        return found, (Cost(1),) * reader.relations

    def _chosen_order(
        self, object_: ObjectIndex, root: Root, values: Mapping[str, ArgumentValue]
    ) -> tuple[Order, ...]:
        value = values.get("order_by")
        if value is None:
            return ()
        type_ = argument_type(argument_named(root.arguments, "order_by").definition)
        source = root.query.source
        if isinstance(named_type(type_), GraphQLInputObjectType):
            return read_order(
                *(self.index, self.catalog, self.settings, self.values),
                *(object_, source, value, type_),
            )
        match value:
            case Known():
                chosen = value.value
            case Given():
                chosen = value.value(self.values)
            case Computed():
                raise SteppedAside("a variable inside of an order")
        items = cast(list[Any], chosen) if isinstance(chosen, list) else [chosen]
        keys = tuple(key for item in items for key in parse_order_by(_order_text(item)))
        return fixed_order(self.catalog, object_, source, keys)

    def bounds(
        self, values: Mapping[str, ArgumentValue], many: bool, default: int
    ) -> tuple[Parameter | int | None, Parameter | None, Cost]:
        """Limit and offset of a list, and what it costs."""
        if not many:
            return None, None, Cost(1)
        highest = self.settings.max_limit
        limit: Parameter | int = min(default, highest)
        cost = Cost(limit)
        value = values.get("limit")
        if isinstance(value, Known) and value.ours:
            limit = min(int(value.value), highest)
            cost = Cost(limit)
        elif value is not None:
            slot = self.slots.add(value, _limit(highest), "limit")
            limit, cost = Parameter(slot, _INT8), Cost(highest, slot)
        offset = None
        value = values.get("offset")
        if value is not None and not (isinstance(value, Known) and value.ours and not value.value):
            offset = Parameter(self.slots.add(value, _offset, "offset"), _INT8)
        return limit, offset, cost


_INT8 = ColumnType("int8")


def argument_named(arguments: Mapping[str, Argument], name: str) -> Argument:
    """The argument of a Python name."""
    return next(a for a in arguments.values() if a.python_name == name)


def argument_scalar(argument: Argument) -> Scalar | None:
    """What an argument holds, by its annotation."""
    declared = argument.definition.extensions.get("strawberry-definition")
    return scalar_of_annotation(declared.type) if declared is not None else None


def is_list(argument: Argument) -> bool:
    """Whether a GraphQL argument takes a list."""
    type_, _ = nullable_type(argument_type(argument.definition))
    return isinstance(type_, GraphQLList)


def _limit(highest: int) -> Convert:
    def convert(value: Any) -> int:
        if 0 <= value <= highest:
            return value
        raise ValueError(f"must be from 0 to {highest}")

    return convert


def _offset(value: Any) -> int:
    if value >= 0:
        return value
    raise ValueError("must not be negative")


def _order_text(item: Any) -> str:
    # Only what the application wrote into an enum: an order is never free text of the client's.
    if isinstance(item, Enum) and isinstance(item.value, str):
        return item.value
    raise SteppedAside("an order that is no enum")

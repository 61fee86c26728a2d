"""What the fast lane reads of rows: the response itself, under the keys that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from graphql import FieldNode, GraphQLObjectType, OperationDefinitionNode

from ...sql.plan import Constant, Document, Field, Nested, Plan, Value
from ...sql.render import MAX_KEY
from ...sql.source import JsonObject, Origin
from .builder import Builder, Expanded
from .columns import leaf_ref
from .fields import Embedded, Leaf, Opaque, Related, Root, Written
from .index import ObjectIndex, SchemaIndex
from .reason import SteppedAside
from .selection import Fragments, collect, subselections
from .statement import Cost

__all__ = ["ResponseBuilder", "field_of", "require_sources", "root_object"]

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
                target = index.object(field.target)
                _refuse_onlookers(target)
                below.append((target, subselections(nodes)))


def root_object(index: SchemaIndex, operation: OperationDefinitionNode) -> ObjectIndex:
    """The type whose fields an operation selects."""
    root = index.schema.get_root_type(operation.operation)
    return index.object(cast(GraphQLObjectType, root).name)


def field_of(
    object_: ObjectIndex, key: str, nodes: Sequence[FieldNode]
) -> Leaf | Embedded | Related | Root | Written | Constant:
    """What a response key asks for.

    Raises:
        SteppedAside: For what only Strawberry can resolve.
    """
    if len(key) > MAX_KEY:
        raise SteppedAside("a response key longer than PostgreSQL's names")
    name = nodes[0].name.value
    if name == "__typename":
        return Constant(key, object_.name)
    field = object_.fields.get(name)
    if field is None:
        raise SteppedAside("introspection")
    if isinstance(field, Opaque):
        raise SteppedAside(field.reason)
    return field


class ResponseBuilder(Builder):
    """Reads what goes out: values under their response keys, and nothing else."""

    def operation(self, operation: OperationDefinitionNode) -> tuple[Plan, tuple[Cost, ...]]:
        """The plan of all root fields."""
        query = root_object(self.index, operation)
        grouped = collect(
            self.index.schema, query.type, [operation.selection_set], self.fragments, self.values
        )
        roots: list[Constant | Nested] = []
        costs: list[Cost] = []
        for key, nodes in grouped.items():
            field = field_of(query, key, nodes)
            match field:
                case Constant():
                    roots.append(field)
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


def _refuse_onlookers(object_: ObjectIndex) -> None:
    if object_.onlooker is not None:
        raise SteppedAside(object_.onlooker)


def _not_too_many(fields: list[Any]) -> tuple[Any, ...]:
    if len(fields) > _MAX_COLUMNS:
        raise SteppedAside("more fields than PostgreSQL has columns")
    return tuple(fields)

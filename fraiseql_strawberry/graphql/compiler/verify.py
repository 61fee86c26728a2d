"""Every decorated type, query and relation held against the catalog, before the first request."""

from __future__ import annotations

from enum import Enum
from typing import Any

from graphql import GraphQLEnumType, GraphQLInputObjectType, Undefined

from ...errors import SchemaError
from ...sql.catalog import Catalog, ColumnType
from ...sql.parameters import comparable
from ...sql.plan import ColumnRef
from ...sql.source import JsonObject, OrderKey, Origin, Source, parse_order_by
from .builder import LIST_ARGUMENTS, argument_scalar, is_list
from .columns import column_ref, document_ref, leaf_ref
from .connections import check_order
from .core import argument_type, named_type
from .fields import Argument, Connected, Leaf, Related, Root, without_obstacle
from .hops import fixed_order
from .index import ObjectIndex, SchemaIndex
from .joins import join_of
from .settings import Settings
from .writing import Writing

__all__ = ["verify"]


def verify(index: SchemaIndex, catalog: Catalog, settings: Settings) -> None:
    """Check that the database has what the decorators name.

    Args:
        index: The schema.
        catalog: The columns of its sources.
        settings: The bounds.

    Raises:
        SchemaError: For the first source, column, type or limit that does not fit, with the
            nearest name.
    """
    verifier = _Verifier(index, catalog, settings)
    for object_ in index.objects():
        if object_.source is not None:
            verifier.rows(object_, object_.source)
        for name, field in object_.fields.items():
            behind = without_obstacle(field)
            if isinstance(behind, Root):
                verifier.root(f"{object_.name}.{name}", behind)
    for user, written in index.writes():
        target = index.object(written.target)
        if target.source is None:
            raise SchemaError(
                f"{user} returns {target.name}, which has no sql_source to read what was written"
            )
        column_ref(catalog, target.source, written.write.key, None, user)
        Writing(index, catalog, settings, written, user)


class _Verifier:
    def __init__(self, index: SchemaIndex, catalog: Catalog, settings: Settings) -> None:
        self._index = index
        self._catalog = catalog
        self._settings = settings
        self._seen: set[tuple[str, Origin]] = set()

    def rows(self, object_: ObjectIndex, source: Origin) -> None:
        """Whether a source has what a type's attributes, objects, fields and relations need."""
        if (object_.name, source) in self._seen:
            return
        self._seen.add((object_.name, source))
        columns = self._catalog.columns_of(source)
        for name, attribute in object_.attributes.items():
            if attribute.required or name in columns.columns:
                leaf_ref(self._catalog, source, name, attribute.scalar, f"{object_.name}.{name}")
        for name, embedded in object_.embedded.items():
            if embedded.required or columns.holds(name):
                user = f"{object_.name}.{name}"
                document_ref(self._catalog, source, name, user)
                self.rows(self._index.object(embedded.target), JsonObject(user))
        for name, field in object_.fields.items():
            user = f"{object_.name}.{name}"
            behind = without_obstacle(field)
            if isinstance(behind, Leaf) and isinstance(field, Leaf):
                leaf_ref(self._catalog, source, behind.python_name, behind.scalar, user)
            elif isinstance(behind, Related):
                self._relation(user, object_, source, behind)

    def root(self, user: str, root: Root) -> None:
        """Whether a query's arguments and order are columns of its source."""
        object_, query = self._index.object(root.target), root.query
        self.rows(object_, query.source)
        self._order(user, object_, query.source, query.order_by)
        if isinstance(root, Connected):
            order = fixed_order(self._catalog, object_, query.source, query.order_by)
            check_order(self._catalog, object_, root, order)
        for argument in root.arguments.values():
            name = argument.python_name
            generated = isinstance(
                named_type(argument_type(argument.definition)), GraphQLInputObjectType
            )
            if name in ("where", "order_by") and generated:
                continue  # their columns are those of the type, which has been looked at
            if name == "where":
                raise SchemaError(
                    f"{user}(where:) is generated: take it out of the signature, and say "
                    "where=[…] or auto_params=True in the decorator"
                )
            if name == "order_by":
                for key in _choices(user, argument):
                    self._order(user, object_, query.source, key)
            elif name == "limit":
                self._limit(user, argument.definition.default_value)
            elif name not in LIST_ARGUMENTS:
                column = query.id_column if name == query.id_arg else query.filters.get(name, name)
                scalar = object_.scalar_of(column) or argument_scalar(argument)
                ref = column_ref(self._catalog, query.source, column, scalar, f"{user}({name}:)")
                self._filter(f"{user}({name}:)", query.source, ref, argument)

    def _filter(self, user: str, source: Source, ref: ColumnRef, argument: Argument) -> None:
        if ref.type.name == "json":
            raise SchemaError(
                f"{user}: a json column has no equality; make {source}.{ref.name} jsonb"
            )
        if ref.type.array and not is_list(argument):
            raise SchemaError(f"{user} is compared with {source}.{ref.name}, an array: take a list")

    def _relation(self, user: str, object_: ObjectIndex, source: Origin, field: Related) -> None:
        target, relation = self._index.object(field.target), field.relation
        if target.source is None:
            raise SchemaError(
                f"{user} leads to {target.name}, which has no sql_source: "
                f"name one in @fraiseql.type(sql_source=…)"
            )
        join = join_of(self._catalog, object_, source, target, target.source, relation)
        pairs = list(zip(join.local, join.link.local if join.link else join.remote, strict=True))
        if join.link:
            pairs += zip(join.link.remote, join.remote, strict=True)
        for left, right in pairs:
            if not comparable(left.type, right.type):
                raise SchemaError(
                    f"{user} compares {_typed(left)} with {_typed(right)}: cast one in its view"
                )
        self._order(user, target, target.source, relation.order_by)
        self._limit(user, relation.limit)

    def _order(
        self, user: str, object_: ObjectIndex, source: Source, keys: tuple[OrderKey, ...]
    ) -> None:
        for key in keys:
            column_ref(
                self._catalog,
                source,
                key.column,
                object_.scalar_of(key.column),
                f"{user}, order_by",
            )

    def _limit(self, user: str, limit: Any) -> None:
        highest = self._settings.max_limit
        if limit is not None and limit is not Undefined and not 0 <= limit <= highest:
            raise SchemaError(
                f"{user}: the default limit {limit} is not from 0 to [graphql] max_limit, {highest}"
            )


def _choices(user: str, argument: Argument) -> list[tuple[OrderKey, ...]]:
    type_ = named_type(argument_type(argument.definition))
    values = (
        [value.value for value in type_.values.values()]
        if isinstance(type_, GraphQLEnumType)
        else []
    )
    texts = [value.value if isinstance(value, Enum) else value for value in values]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise SchemaError(
            f"{user}(order_by:) is an order of the client's: annotate it with an enum whose "
            'values are orders, NEWEST = "-created_at"'
        )
    return [parse_order_by(text) for text in texts]


def _typed(ref: ColumnRef) -> str:
    type_: ColumnType = ref.type
    return f"{ref.name} ({type_.name}{'[]' if type_.array else ''})"

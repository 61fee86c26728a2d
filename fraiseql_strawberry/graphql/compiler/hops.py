"""The step that a relation is, for conditions and orders."""

from __future__ import annotations

from ...sql.catalog import Catalog
from ...sql.plan import Hop, Order
from ...sql.source import OrderKey, Origin, Source
from .columns import column_ref, tenant_ref
from .index import ObjectIndex, SchemaIndex
from .joins import join_of
from .reason import SteppedAside

__all__ = ["fixed_order", "hop_of"]


def hop_of(
    index: SchemaIndex, catalog: Catalog, object_: ObjectIndex, source: Origin, name: str
) -> tuple[ObjectIndex, Hop, bool]:
    """Where a relation leads to, how, and whether to many rows.

    Args:
        index: The schema.
        catalog: The columns.
        object_: The type that has the relation.
        source: The source of its rows.
        name: The attribute.

    Raises:
        SteppedAside: When there is no such relation.
        SchemaError: When a column is missing.
    """
    field = object_.relations.get(name)
    if field is None:
        raise SteppedAside(f"{object_.name}.{name} is no relation")
    target = index.object(field.target)
    if target.source is None:
        raise SteppedAside(f"{target.name} has no sql_source")
    join = join_of(catalog, object_, source, target, target.source, field.relation)
    order: tuple[Order, ...] = ()
    if not field.many:
        order = fixed_order(catalog, target, target.source, field.relation.order_by)
    tenant = tenant_ref(catalog, target.source)
    return target, Hop(catalog.located(target.source), join, order, tenant), field.many


def fixed_order(
    catalog: Catalog, object_: ObjectIndex, source: Source, keys: tuple[OrderKey, ...]
) -> tuple[Order, ...]:
    """An order that the application wrote.

    Raises:
        SchemaError: When a column is missing.
    """
    return tuple(
        Order(
            column_ref(catalog, source, key.column, object_.scalar_of(key.column), "order_by"),
            key.descending,
        )
        for key in keys
    )

"""From a connection field to a page of rows: its order, its cursors, its length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ...errors import SchemaError
from ...sql.catalog import Catalog, ColumnType
from ...sql.plan import Behind, Condition, Order, Parameter, Select
from ...sql.source import Source
from .arguments import ArgumentValue, Given, Known, OfTenant
from .columns import column_ref, tenant_ref
from .cursors import can_be_paged_by, prefix_of, reader
from .fields import Connected, Leaf
from .index import ObjectIndex
from .statement import Convert, Cost, Slots, refused

__all__ = ["Page", "check_order", "read_page", "unique_order"]

_INT8 = ColumnType("int8")
_TEXT = ColumnType("text")


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a connection.

    Args:
        select: Its rows, without fields.
        prefix: What each cursor begins with.
        backwards: Whether it is read from its end.
        bounded: Whether it begins behind a cursor, as it is read.
        cost: What it can read, without what is below each row.
    """

    select: Select
    prefix: Parameter
    backwards: bool
    bounded: bool
    cost: Cost


def unique_order(
    catalog: Catalog, object_: ObjectIndex, source: Source, order: tuple[Order, ...], column: str
) -> tuple[Order, ...]:
    """An order that leaves no two rows in one place.

    Args:
        catalog: The columns.
        object_: The type of the rows.
        source: Their source.
        order: The order.
        column: The unique column that is added, unless the order ends with it.

    Raises:
        SchemaError: When the source has no such column.
    """
    if any(key.column.name == column and not key.hops for key in order):
        return order
    user = f"a connection of {object_.name} (its order needs a unique column)"
    ref = column_ref(catalog, source, column, object_.scalar_of(column), user)
    return (*order, Order(ref, order[-1].descending if order else False))


def read_page(
    catalog: Catalog,
    object_: ObjectIndex,
    field: Connected,
    values: Mapping[str, ArgumentValue],
    slots: Slots,
    order: tuple[Order, ...],
    filters: tuple[Condition, ...],
    default: int,
    highest: int,
) -> Page:
    """The page that a client asks for.

    Args:
        catalog: The columns.
        object_: The type of the rows.
        field: The field.
        values: Its arguments.
        slots: Where values are bound.
        order: The order.
        filters: What holds of all rows.
        default: How long a page is where the client does not say.
        highest: How long it may be.

    Raises:
        BadUserInput: When it cannot be served.
        SchemaError: When the order has no unique column.
    """
    if "first" in values and "last" in values:
        raise refused("last", "first and last exclude each other")
    source = field.query.source
    order = unique_order(catalog, object_, source, order, field.query.id_column)
    for key in order:
        if key.hops or not can_be_paged_by(key.column.type):
            raise refused("order_by", f"{key.column.name!r} cannot be a key of a cursor")
    backwards = "last" in values
    limit, cost = _length(slots, values, "last" if backwards else "first", default, highest)
    nullable = tuple(_may_be_null(catalog, object_, source, key, field) for key in order)
    prefix = Parameter(slots.add(OfTenant(Known(None)), _prefix(order), "after"), _TEXT)
    for name, keys in (("after", order), ("before", _reversed(order))):
        value = values.get(name)
        if value is not None:
            filters = (*filters, _behind(slots, value, name, order, keys, nullable))
    select = Select(
        catalog.located(source),
        (),
        filters,
        _reversed(order) if backwards else order,
        limit,
        tenant=tenant_ref(catalog, source),
    )
    bounded = ("before" if backwards else "after") in values
    return Page(select, prefix, backwards, bounded, cost)


def _prefix(order: tuple[Order, ...]) -> Convert:
    prefix = prefix_of(order)
    return lambda given: prefix(given[0])


def _behind(
    slots: Slots,
    value: ArgumentValue,
    name: str,
    order: tuple[Order, ...],
    keys: tuple[Order, ...],
    nullable: tuple[bool, ...],
) -> Behind:
    assert isinstance(value, (Known, Given))  # a text has nothing inside
    parameters = tuple(
        Parameter(slots.add(OfTenant(value), reader(order, number), name), key.column.type)
        for number, key in enumerate(keys)
    )
    return Behind(keys, nullable, parameters)


def _length(
    slots: Slots, values: Mapping[str, ArgumentValue], name: str, default: int, highest: int
) -> tuple[Parameter | int, Cost]:
    value = values.get(name)
    if value is None:
        limit = min(default, highest)
        return limit, Cost(limit)

    def convert(number: int) -> int:
        if 0 <= number <= highest:
            return number
        raise ValueError(f"must be from 0 to {highest}")

    slot = slots.add(value, convert, name)
    return Parameter(slot, _INT8), Cost(highest, slot)


def _may_be_null(
    catalog: Catalog, object_: ObjectIndex, source: Source, key: Order, field: Connected
) -> bool:
    name = key.column.name
    column = catalog.columns_of(source).columns.get(name)
    if name == field.query.id_column or (column is not None and column.not_null):
        return False
    leaves = (leaf for leaf in object_.fields.values() if isinstance(leaf, Leaf))
    return not any(leaf.python_name == name and not leaf.nullable for leaf in leaves)


_OPPOSITE: Mapping[str, Literal["first", "last"]] = {"first": "last", "last": "first"}


def _reversed(order: tuple[Order, ...]) -> tuple[Order, ...]:
    return tuple(
        replace(key, descending=not key.descending, nulls=key.nulls and _OPPOSITE[key.nulls])
        for key in order
    )


def check_order(
    catalog: Catalog, object_: ObjectIndex, field: Connected, order: tuple[Order, ...]
) -> None:
    """See that the order of the decorator's can be paged by.

    Raises:
        SchemaError: When it cannot.
    """
    for key in unique_order(catalog, object_, field.query.source, order, field.query.id_column):
        if not can_be_paged_by(key.column.type):
            raise SchemaError(
                f"{field.query.source}.{key.column.name} of type {key.column.type.name} cannot be "
                "a key of a cursor: order the connection by another column"
            )

"""From an `order_by` of generated input types to the order of a plan."""

from __future__ import annotations

from typing import Any, Literal, cast

from ...sql.catalog import Catalog
from ...sql.parameters import has_order
from ...sql.plan import Hop, Order
from ...sql.source import Source
from ..inputs.meaning import OnColumn, OnRelation, Ordering, meaning_of
from .arguments import ArgumentValue, Known, Values, items_of, members_of
from .columns import column_ref
from .core import nullable_type
from .hops import hop_of
from .index import ObjectIndex, SchemaIndex
from .reason import SteppedAside
from .settings import Settings
from .statement import refused

__all__ = ["read_order"]


def read_order(
    index: SchemaIndex,
    catalog: Catalog,
    settings: Settings,
    values: Values,
    object_: ObjectIndex,
    source: Source,
    value: ArgumentValue,
    type_: Any,
) -> tuple[Order, ...]:
    """The order that a client chose.

    Args:
        index: The schema.
        catalog: The columns.
        settings: The bounds.
        values: Those of the request whose shape is compiled.
        object_: The type of the rows.
        source: Their source.
        value: The list of keys.
        type_: Its type.

    Raises:
        BadUserInput: When it cannot be served: too many keys, a null, a column without order.
        SteppedAside: When it is invalid.
    """
    items = items_of(value, type_, values)
    if len(items) > settings.max_order_keys:
        raise refused("order_by", f"more than {settings.max_order_keys} keys")
    of_type = nullable_type(type_)[0].of_type
    return tuple(
        _key(index, catalog, values, object_, source, item, of_type, f"order_by.{number}")
        for number, item in enumerate(items)
    )


def _key(
    index: SchemaIndex,
    catalog: Catalog,
    values: Values,
    object_: ObjectIndex,
    source: Source,
    value: ArgumentValue,
    type_: Any,
    at: str,
) -> Order:
    hops: list[Hop] = []
    while True:
        type_, _ = nullable_type(type_)
        members = members_of(value, type_, values)
        if len(members) != 1:
            raise refused(at, "name one column a key; several keys are a list")
        ((name, value),) = members.items()
        at = f"{at}.{name}"
        if isinstance(value, Known) and value.value is None:
            raise refused(at, "null is no direction: leave the key out")
        field = type_.fields[name]
        match meaning_of(field):
            case OnRelation(relation):
                object_, hop, _ = hop_of(index, catalog, object_, source, relation)
                assert object_.source is not None
                source, type_ = object_.source, field.type
                hops.append(hop)
            case OnColumn(column):
                scalar = object_.scalar_of(column)
                ref = column_ref(catalog, source, column, scalar, f"{object_.name}.{column}")
                if not has_order(ref.type):
                    raise refused(at, "this column has no order")
                direction, _, nulls = _ordering(value, values).value.partition(" ")
                placed = cast(Literal["first", "last"] | None, nulls or None)
                return Order(ref, direction == "desc", placed, tuple(hops))
            case _:
                raise SteppedAside("an order of another kind")


def _ordering(value: ArgumentValue, values: Values) -> Ordering:
    found = value.value if isinstance(value, Known) else value.value(values)
    return found if isinstance(found, Ordering) else Ordering(found)

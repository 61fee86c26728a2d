"""`PostOrderBy`: one key of the order in which a client wants rows."""

from __future__ import annotations

from typing import Any

from ..relation import RelationField
from .choices import Narrowing, choices
from .made import InputField, fill, shell
from .meaning import OnColumn, OnRelation, Ordering

__all__ = ["order_type"]

_ORDER = "__fraiseql_order__"


def order_type(cls: type[Any], narrowing: Narrowing | None = None, prefix: str = "") -> type[Any]:
    """The input type of one key of an order: a column, or one of a related row's.

    Args:
        cls: The type of the rows.
        narrowing: The fields that an order may be by; None for all.
        prefix: What the name of a narrowed one begins with.

    Raises:
        SchemaError: When the narrowing names what is not there.
    """
    if narrowing is None:
        known: type[Any] | None = vars(cls).get(_ORDER)
        if known is not None:
            return known
    definition: Any = vars(cls)["__strawberry_definition__"]
    name = f"{definition.name if narrowing is None else prefix}OrderBy"
    made = shell(name)
    if narrowing is None:
        setattr(cls, _ORDER, made)
    fields: list[InputField] = []
    for choice in choices(cls, narrowing):
        field, key = choice.field, choice.field.python_name
        if isinstance(field, RelationField):
            if not field.many:
                assert choice.target is not None
                below = f"{prefix}{key[:1].upper()}{key[1:]}"
                annotation = order_type(choice.target, choice.narrowing, below)
                fields.append(InputField(key, annotation, OnRelation(key), field.graphql_name))
        elif (
            choice.scalar is not None and choice.scalar.depth == 0 and choice.scalar.kind != "json"
        ):
            fields.append(InputField(key, Ordering, OnColumn(key), field.graphql_name))
    return fill(
        made,
        fields,
        name=name,
        description=f"One key of an order of {definition.name} rows: "
        "several are a list, the most important first.",
        one_of=True,
    )

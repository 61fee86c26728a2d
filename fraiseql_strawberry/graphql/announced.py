"""Subscriptions with a channel, held against configuration and database at the start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from strawberry import Schema

from ..channels import Places
from ..errors import SchemaError
from ..sql.catalog import Catalog
from .compiler import SchemaIndex
from .compiler.columns import column_ref
from .compiler.core import named_type
from .definition import SubscriptionField

__all__ = ["check_announced", "check_heard"]


def check_heard(schema: Schema, places: Places) -> None:
    """Refuse a configuration under which a subscription of the schema would hear nothing.

    Raises:
        SetupError: With what mends it.
    """
    if any(declared.subscription.channel for _, declared, _ in _fields(schema)):
        places.check()


def check_announced(schema: Schema, index: SchemaIndex, catalog: Catalog) -> None:
    """Whether the rows that subscriptions read have what they are identified by.

    Raises:
        SchemaError: With the nearest name.
    """
    for name, declared, field in _fields(schema):
        said = declared.subscription
        if said.rows is None:
            continue
        user = f"Subscription.{name}"
        type_ = named_type(field.type).name
        object_ = index.object(type_)
        if object_.source != said.rows:
            raise SchemaError(
                f"{user} reads {said.rows}, and {type_} is read from "
                f"{object_.source or 'no source'}: name the source of its type"
            )
        for column in (said.key, *(argument.python_name for argument in declared.arguments)):
            scalar = object_.scalar_of(column)
            column_ref(catalog, said.rows, column, scalar, f"{user}({column})")


def _fields(schema: Schema) -> Iterator[tuple[str, SubscriptionField, Any]]:
    core: Any = schema._schema  # pyright: ignore[reportPrivateUsage]
    root = core.subscription_type
    for name, field in root.fields.items() if root else ():
        declared = field.extensions.get("strawberry-definition")
        if isinstance(declared, SubscriptionField):
            yield name, declared, field

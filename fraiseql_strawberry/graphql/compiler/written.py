"""How written rows are read back: by their keys, in the order in which they were written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import FieldNode

from ...sql.plan import ColumnRef, Join, Nested, Select
from .builder import Builder
from .columns import column_ref, tenant_ref
from .fields import Written
from .statement import Cost

__all__ = ["read_written"]


def read_written(
    builder: Builder, key: str, field: Written, nodes: Sequence[FieldNode]
) -> tuple[Nested, Cost, Any]:
    """What is selected of one written row; its join is to the bare key.

    Args:
        builder: The lane's.
        key: The key of its value.
        field: The field.
        nodes: What is selected.

    Raises:
        SteppedAside: When the type has no source.
        SchemaError: When its source lacks the key.
    """
    object_ = builder.index.object(field.target)
    source = builder.source_of(object_)
    name = field.write.key
    user = f"{object_.name}, the key of what a mutation writes"
    ref = column_ref(builder.catalog, source, name, object_.scalar_of(name), user)
    below = builder.expand(object_, source, nodes)
    tenant = tenant_ref(builder.catalog, source)
    select = Select(builder.catalog.located(source), below.fields, tenant=tenant)
    join = Join((ColumnRef(name, ref.type),), (ref,))
    limit = builder.settings.max_limit if field.many else 1
    nested = Nested(key, select, many=False, nullable=True, join=join)
    return nested, Cost(limit, None, below.costs), below.hydrate

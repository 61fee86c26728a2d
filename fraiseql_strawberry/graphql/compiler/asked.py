"""What a response key of the fast lane asks for."""

from __future__ import annotations

from collections.abc import Sequence

from graphql import FieldNode

from ...sql.plan import Constant
from ...sql.render import MAX_KEY
from .fields import AggregatedPart, Embedded, Leaf, Opaque, Related, Root, Written
from .index import ObjectIndex
from .reason import SteppedAside

__all__ = ["field_of"]


def field_of(
    object_: ObjectIndex, key: str, nodes: Sequence[FieldNode]
) -> Leaf | Embedded | Related | Root | AggregatedPart | Written | Constant:
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

"""Relay connections: Strawberry's own types, and how many rows there are in all."""

from __future__ import annotations

from typing import Any, cast

import strawberry
from strawberry import relay
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, get_object_definition

from ..errors import SchemaError
from .definition import QueryField
from .inputs.choices import innermost

__all__ = ["PAGE_ARGUMENTS", "Connection", "ConnectionField"]

PAGE_ARGUMENTS = frozenset({"first", "after", "last", "before"})
"""Arguments that choose the page of a connection."""


@strawberry.type(name="Connection", description="A page of a list, and what lies around it.")
class Connection(relay.Connection[relay.NodeType]):
    """A page of a list."""

    total_count: int = strawberry.field(
        description="How many rows there are in all; counted only when asked for."
    )


_SAYS = {
    "first": "How many rows, from the beginning or behind `after`.",
    "after": "The cursor that the page begins behind.",
    "last": "How many rows, from the end or in front of `before`.",
    "before": "The cursor that the page ends in front of.",
}


class ConnectionField(QueryField):
    """A root field whose function returns `list[Post]`, and whose value is a page of it."""

    @property
    def rows_type(self) -> Any:
        """What the function's annotation says."""
        return cast(Any, self).base_resolver.type

    def resolve_type(self, *, type_definition: Any = None) -> Any:
        """The connection of that type.

        Raises:
            SchemaError: When the annotation is no list of objects.
        """
        declared = super().resolve_type(type_definition=type_definition)
        cls = innermost(declared)
        if get_object_definition(cls) is None or issubclass(cls, Connection):
            return declared  # not known yet, or made by an earlier call
        if not isinstance(declared, StrawberryList):
            raise SchemaError(
                f"{self.python_name}(): relay=True needs a list: -> list[{cls.__name__}]"
            )
        return StrawberryAnnotation(cast(Any, Connection)[cls]).resolve()

    @property
    def arguments(self) -> list[StrawberryArgument]:
        """Those of a query, and those that choose the page."""
        names = {argument.python_name for argument in super().arguments}
        page = [
            StrawberryArgument(
                name,
                None,
                StrawberryAnnotation((int if name in ("first", "last") else str) | None),
                description=says,
            )
            for name, says in _SAYS.items()
            if name not in names
        ]
        return [*super().arguments, *page]

    @arguments.setter
    def arguments(self, value: list[StrawberryArgument]) -> None:
        self._arguments = value

"""What of a request's values decides the statement: who is absent or null, and who chooses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from graphql import (
    DirectiveNode,
    GraphQLEnumType,
    GraphQLSchema,
    Node,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)

from .arguments import Values
from .core import named_type, type_of_node
from .reason import SteppedAside

__all__ = ["Shape"]

_ABSENT = "absent"


class Shape:
    """The key of a request's statement among those of its operation.

    A variable counts by its presence. One that an `@skip` or `@include` reads, or that holds a
    member of an enum (it may choose an order), counts by its value.

    Args:
        schema: The schema.
        variables: The operation's variable definitions.
        nodes: Where directives are looked for.
        strict: As for `selection.collect`.

    Raises:
        SteppedAside: For a directive other than `@skip` and `@include`.
    """

    __slots__ = ("_by_presence", "_by_value", "_selects")

    def __init__(
        self,
        schema: GraphQLSchema,
        variables: Iterable[VariableDefinitionNode],
        nodes: Iterable[Node],
        *,
        strict: bool = True,
    ) -> None:
        finder = _DirectiveFinder()
        for node in nodes:
            visit(node, finder)
        unknown = sorted(finder.names - {"skip", "include"})
        if unknown and strict:
            raise SteppedAside(f"the directive @{unknown[0]}")
        self._selects = bool(finder.variables)
        by_value: list[str] = []
        by_presence: list[str] = []
        for definition in variables:
            name = definition.variable.name.value
            type_ = named_type(type_of_node(schema, definition.type))
            chooses = isinstance(type_, GraphQLEnumType)
            (by_value if chooses or name in finder.variables else by_presence).append(name)
        self._by_value = tuple(by_value)
        self._by_presence = tuple(by_presence)

    @property
    def fixed(self) -> bool:
        """Whether every request has the same selection."""
        return not self._selects

    def of(self, values: Values) -> tuple[Any, ...]:
        """The key for these values."""
        key: list[Any] = []
        for name in self._by_presence:
            value = values.get(name, _ABSENT)
            # Null and absent differ: an argument that is absent takes its default.
            key.append(value if value is None or value is _ABSENT else True)
        for name in self._by_value:
            value = values.get(name, _ABSENT)
            key.append(tuple(cast(list[Any], value)) if isinstance(value, list) else value)
        return tuple(key)


class _DirectiveFinder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.variables: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        self.names.add(node.name.value)
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.variables.add(argument.value.name.value)

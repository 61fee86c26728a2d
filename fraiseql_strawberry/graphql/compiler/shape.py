"""What of a request's values decides the statement: who is absent or null, and who chooses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from graphql import (
    DirectiveNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLScalarType,
    GraphQLSchema,
    Node,
    ObjectFieldNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)

from .arguments import Values
from .core import named_type, nullable_type, type_of_node
from .reason import SteppedAside

__all__ = ["Shape"]

_ABSENT = "absent"


class Shape:
    """The key of a request's statement among those of its operation.

    A variable counts by its presence. One that an `@skip` or `@include` reads, that holds a member
    of an enum (it may choose an order), or that is true or false in a condition, counts by its
    value. An input object counts by its structure: which fields it has, and what those choose.

    Args:
        schema: The schema.
        variables: The operation's variable definitions.
        nodes: Where directives are looked for.
        strict: As for `selection.collect`.

    Raises:
        SteppedAside: For a directive other than `@skip` and `@include`.
    """

    __slots__ = ("_by_presence", "_by_structure", "_by_value", "_selects")

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
        by_structure: list[tuple[str, Any]] = []
        for definition in variables:
            name = definition.variable.name.value
            whole = type_of_node(schema, definition.type)
            type_ = named_type(whole)
            if isinstance(type_, GraphQLInputObjectType):
                by_structure.append((name, whole))
                continue
            chooses = isinstance(type_, GraphQLEnumType) or (
                _is_boolean(type_) and name in finder.inside
            )
            (by_value if chooses or name in finder.variables else by_presence).append(name)
        self._by_value = tuple(by_value)
        self._by_structure = tuple(by_structure)
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
        for name, type_ in self._by_structure:
            value = values.get(name, _ABSENT)
            key.append(value if value is _ABSENT else _structure(value, type_))
        return tuple(key)


def _structure(value: Any, type_: Any) -> Any:
    """What of a value decides a statement: no operand, and no length of a list of operands."""
    if value is None:
        return None
    type_, _ = nullable_type(type_)
    if isinstance(type_, GraphQLList):
        of_type = cast(Any, type_).of_type
        if not isinstance(named_type(of_type), GraphQLInputObjectType):
            return True
        return tuple([_structure(item, of_type) for item in value])
    if isinstance(type_, GraphQLInputObjectType):
        fields = type_.fields
        return tuple([(name, _structure(value[name], fields[name].type)) for name in value])
    return value if isinstance(type_, GraphQLEnumType) or _is_boolean(type_) else True


def _is_boolean(type_: Any) -> bool:
    return isinstance(type_, GraphQLScalarType) and type_.name == "Boolean"


class _DirectiveFinder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.variables: set[str] = set()
        self.inside: set[str] = set()

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> None:
        if isinstance(node.value, VariableNode):
            self.inside.add(node.value.name.value)

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        self.names.add(node.name.value)
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.variables.add(argument.value.name.value)

"""Which literals of a document may be variables without anybody seeing a difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLScalarType,
    GraphQLSchema,
    ObjectFieldNode,
    OperationDefinitionNode,
    OperationType,
    TypeInfo,
    TypeInfoVisitor,
    ValueNode,
    Visitor,
    is_abstract_type,
    visit,
)

from .compiler import Lifted
from .compiler.core import argument_type, input_type, nullable_type
from .onlookers import info_is_seen
from .scalars import scalar_kind

__all__ = ["BUILT_IN", "kind_of", "liftable"]

BUILT_IN = frozenset({"string", "id", "int", "float"})
"""The kinds of GraphQL's own scalars; true and false are never lifted."""

_OURS = frozenset(
    {"uuid", "date", "time", "datetime", "interval", "decimal", "bigint", "base16", "base64"}
)
_DEFINITION = "strawberry-definition"
_DIRECTIVES = frozenset({"skip", "include"})


def liftable(schema: GraphQLSchema, document: DocumentNode, normal: Lifted) -> tuple[int, ...]:
    """Which literals of a valid document may be variables without anybody seeing a difference.

    Those of built-in scalars and of ours. Where a resolver gets `info`, which holds the nodes of
    its field and of those below, only strings that stay strings: `info.selected_fields` shows
    other literals as they were written, and variables as they were coerced.

    Args:
        schema: The schema.
        document: The document.
        normal: Its literals.

    Returns:
        Their numbers; none for subscriptions, and for documents with directives other than
        `@skip` and `@include`.
    """
    finder = _Finder(schema, normal.starts)
    visit(document, TypeInfoVisitor(finder.type_info, finder))
    if finder.unusual:
        return ()
    return tuple(
        number
        for number, literal in enumerate(normal.literals)
        if number in finder.types
        and _may_vary(literal, finder.types[number], seen=finder.is_seen(number))
    )


def _may_vary(literal: str, type_: Any, *, seen: bool) -> bool:
    kind = kind_of(type_)
    if seen:
        return literal[0] == '"' and kind in ("string", "id")
    return kind in BUILT_IN or kind in _OURS


def kind_of(type_: Any) -> str | None:
    """The kind of an argument's scalar (see `sql.scalars`); None for any other type."""
    inner, _ = nullable_type(type_)
    return scalar_kind(inner) if isinstance(inner, GraphQLScalarType) else None


class _Finder(Visitor):
    """Finds the types of the arguments that literals are given to, and who could look at them."""

    def __init__(self, schema: GraphQLSchema, starts: Sequence[int]) -> None:
        super().__init__()
        self.type_info = TypeInfo(schema)
        self.types: dict[int, Any] = {}
        self._schema = schema
        self.unusual = False
        self._numbers = {start: number for number, start in enumerate(starts)}
        self._seen: set[int] = set()
        self._in_fragments: set[int] = set()
        self._in_fragment = False
        self._onlookers = 0
        self._any_onlooker = False

    def is_seen(self, number: int) -> bool:
        """Whether a resolver gets an `info` that holds the literal."""
        # Where a fragment is spread is not looked up.
        return number in self._seen or (self._any_onlooker and number in self._in_fragments)

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        if node.operation is OperationType.SUBSCRIPTION:
            # Its events are executed long after its literals have gone.
            self.unusual = True

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> None:
        self._in_fragment = True

    def leave_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> None:
        self._in_fragment = False

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        if node.name.value not in _DIRECTIVES:
            self.unusual = True

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        if self._has_onlooker(node):
            self._onlookers += 1
            self._any_onlooker = True

    def leave_field(self, node: FieldNode, *_: Any) -> None:
        if self._has_onlooker(node):
            self._onlookers -= 1

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        argument = self.type_info.get_argument()
        if argument is not None:
            self._find(node.value, argument_type(argument))

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> None:
        type_ = input_type(self.type_info)
        if type_ is not None:
            self._find(node.value, type_)

    def _find(self, node: ValueNode, type_: Any) -> None:
        number = self._numbers.get(node.loc.start) if node.loc is not None else None
        if number is None or self.type_info.get_directive() is not None:
            return
        self.types[number] = type_
        if self._onlookers:
            self._seen.add(number)
        if self._in_fragment:
            self._in_fragments.add(number)

    def _has_onlooker(self, node: FieldNode) -> bool:
        name, parent = node.name.value, self.type_info.get_parent_type()
        if name.startswith("__"):
            return False
        types: Any = (
            self._schema.get_possible_types(parent) if is_abstract_type(parent) else (parent,)
        )
        return any(info_is_seen(type_.fields[name].extensions.get(_DEFINITION)) for type_ in types)

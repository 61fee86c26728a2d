"""Which fields a selection asks for: CollectFields of the GraphQL specification (6.3.2).

Fragments are followed, `@skip` and `@include` decided, and fields of one response key merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    is_abstract_type,
)

from .reason import SteppedAside

__all__ = ["Fragments", "collect", "only_selects", "response_key", "subselections"]

Fragments = Mapping[str, FragmentDefinitionNode]


def response_key(node: FieldNode) -> str:
    """The name a field has in the response."""
    return node.alias.value if node.alias else node.name.value


def subselections(nodes: Iterable[FieldNode]) -> list[SelectionSetNode]:
    """What the merged nodes of one field select below it."""
    return [node.selection_set for node in nodes if node.selection_set is not None]


def only_selects(nodes: Iterable[FieldNode]) -> bool:
    """Whether the nodes of one field have no other directives than `@skip` and `@include`."""
    return all(
        directive.name.value in ("skip", "include")
        for node in nodes
        for directive in node.directives or ()
    )


def collect(
    schema: GraphQLSchema,
    type_: GraphQLObjectType,
    selections: Iterable[SelectionSetNode],
    fragments: Fragments,
    variables: Mapping[Any, Any],
    *,
    strict: bool = True,
) -> dict[str, list[FieldNode]]:
    """The nodes of each response key, in the order requested.

    Args:
        schema: The schema.
        type_: The object type selected from.
        selections: Selection sets that are merged.
        fragments: The document's, by name.
        variables: The coerced variables, of which the directives read theirs.
        strict: Whether another directive than `@skip` and `@include` is an obstacle; it is none
            where Strawberry applies it later.

    Raises:
        SteppedAside: For such a directive.
    """
    found: dict[str, list[FieldNode]] = {}
    visited: set[str] = set()

    def visit(selection_set: SelectionSetNode) -> None:
        for node in selection_set.selections:
            if not _included(node, variables, strict):
                continue
            if isinstance(node, FieldNode):
                found.setdefault(response_key(node), []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if _applies(schema, node, type_):
                    visit(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in visited:
                visited.add(node.name.value)
                fragment = fragments[node.name.value]
                if _applies(schema, fragment, type_):
                    visit(fragment.selection_set)

    for selection_set in selections:
        visit(selection_set)
    return found


def _included(node: SelectionNode, variables: Mapping[Any, Any], strict: bool) -> bool:
    included = True
    for directive in node.directives or ():
        match directive.name.value:
            case "skip":
                included = included and not _condition(directive, variables)
            case "include":
                included = included and _condition(directive, variables)
            case name if strict:
                raise SteppedAside(f"the directive @{name}")
            case _:
                pass
    return included


def _condition(directive: DirectiveNode, variables: Mapping[Any, Any]) -> bool:
    value = next(argument.value for argument in directive.arguments or ())
    if isinstance(value, BooleanValueNode):
        return value.value
    decided = variables.get(value.name.value) if isinstance(value, VariableNode) else None
    if not isinstance(decided, bool):
        raise SteppedAside(f"@{directive.name.value} without a Boolean")
    return decided


def _applies(
    schema: GraphQLSchema,
    fragment: FragmentDefinitionNode | InlineFragmentNode,
    type_: GraphQLObjectType,
) -> bool:
    condition = fragment.type_condition
    if condition is None:
        return True
    conditional = schema.type_map.get(condition.name.value)
    if conditional is type_:
        return True
    return is_abstract_type(conditional) and schema.is_sub_type(conditional, type_)

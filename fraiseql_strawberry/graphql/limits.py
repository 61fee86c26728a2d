"""What a document may ask for: depth, aliases and fields, counted after expanding its fragments.

A fragment bomb of 2¹⁶ took 6.9 s to validate (SECURITY.md, GraphQL); so the sizes are found
first, in one pass with a memo per fragment, which is linear in the document however large its
expansion is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

__all__ = ["Limits", "check_limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of `[graphql]`.

    Args:
        max_depth: Levels of nested fields.
        max_aliases: Aliases in the whole operation.
        max_tokens: Lexical tokens of the document.
        max_fields: Fields in the whole operation, which bounds what fragments expand to.
        max_merges: Pairs of fields that share a response key, each of which validation compares
            (300 times `posts { id }` took 0.4 s).
        max_characters: The document's length.
        max_introspection_depth: Levels below `__schema` and `__type`; GraphiQL's own query nests
            `ofType` to a depth of 15.
    """

    max_depth: int = 10
    max_aliases: int = 30
    max_tokens: int = 2000
    max_fields: int = 2000
    max_merges: int = 5000
    max_characters: int = 100_000
    max_introspection_depth: int = 20


@dataclass(frozen=True, slots=True)
class _Size:
    depth: int = 0
    aliases: int = 0
    fields: int = 0


def check_limits(document: DocumentNode, limits: Limits) -> GraphQLError | None:
    """The first bound that an operation of the document exceeds, or None.

    Args:
        document: Parsed, but not validated: fragments may be missing or in a cycle.
        limits: The bounds.
    """
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    measure = _Measure(fragments)
    for node in document.definitions:
        if not isinstance(node, OperationDefinitionNode):
            continue
        size = measure.selection(node.selection_set)
        for what, found, bound in (
            ("depth", size.depth, limits.max_depth),
            ("number of aliases", size.aliases, limits.max_aliases),
            ("number of fields", size.fields, limits.max_fields),
        ):
            if found > bound:
                return GraphQLError(f"The {what} of the operation exceeds the limit of {bound}.")
        if measure.merges(node.selection_set, limits) > limits.max_merges:
            return GraphQLError("The operation asks for the same fields too many times.")
        if measure.introspection_depth > limits.max_introspection_depth:
            return GraphQLError(
                f"The depth of introspection exceeds the limit of {limits.max_introspection_depth}."
            )
    return None


class _Measure:
    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, _Size | None] = {}
        self.introspection_depth = 0

    def selection(self, selections: SelectionSetNode | None) -> _Size:
        depth = aliases = fields = 0
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                below = self.selection(node.selection_set)
                if node.name.value.startswith("__"):
                    self.introspection_depth = max(self.introspection_depth, below.depth)
                    below = _Size(0, below.aliases, 0)
                size = _Size(
                    below.depth + 1, below.aliases + (node.alias is not None), below.fields + 1
                )
            elif isinstance(node, InlineFragmentNode):
                size = self.selection(node.selection_set)
            else:
                assert isinstance(node, FragmentSpreadNode)
                size = self._fragment(node.name.value)
            depth = max(depth, size.depth)
            aliases += size.aliases
            fields += size.fields
        return _Size(depth, aliases, fields)

    def merges(self, selections: SelectionSetNode, limits: Limits) -> int:
        """Pairs of fields under one response key, in this selection and all below it.

        The size has been checked, so it is at most one step for each field of the expansion. A
        cycle of fragments has no end: the count stops there, and validation reports it.
        """
        count, seen, waiting = 0, 0, [[selections]]
        while waiting and count <= limits.max_merges and seen <= limits.max_fields:
            fields: dict[str, list[FieldNode]] = {}
            for selection in waiting.pop():
                for node in self._expanded(selection, set()):
                    key = node.alias.value if node.alias else node.name.value
                    fields.setdefault(key, []).append(node)
                    seen += 1
            for merged in fields.values():
                count += len(merged) * (len(merged) - 1) // 2
                below = [node.selection_set for node in merged if node.selection_set]
                if below:
                    waiting.append(below)
        return count

    def _expanded(self, selections: SelectionSetNode, within: set[str]) -> Iterator[FieldNode]:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                fragment = self._fragments.get(name)
                if fragment is not None and name not in within:
                    yield from self._expanded(fragment.selection_set, within | {name})
            elif isinstance(node, InlineFragmentNode):
                yield from self._expanded(node.selection_set, within)

    def _fragment(self, name: str) -> _Size:
        if name in self._known:
            # None marks a fragment that is being measured: a cycle, which validation reports.
            return self._known[name] or _Size()
        node = self._fragments.get(name)
        self._known[name] = None
        size = self.selection(node.selection_set) if node else _Size()
        self._known[name] = size
        return size

"""Documents, parsed and validated once per text, with what each operation needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    validate,
)
from strawberry.types.field import StrawberryField

from .definition import OperationField
from .limits import Limits, check_limits
from .recent import Recent

__all__ = ["MAX_CACHED_CHARACTERS", "Document", "Documents", "OperationFacts", "Rules"]

_CAPACITY = 1000
MAX_CACHED_CHARACTERS = 20_000
"""A cached text is kept whole; longer ones are rare and would fill the memory."""

Rules = tuple[type[ASTValidationRule], ...]


@dataclass(frozen=True, slots=True)
class OperationFacts:
    """What the guards need to know of one operation of a document.

    Args:
        node: The operation.
        name: Its name, or None.
        type: "query", "mutation" or "subscription".
        needs_tenant: Whether any of its root fields needs a tenant.
        atomic: Whether it is one transaction.
        fields: Its root fields; None for those that no Strawberry field stands behind.
    """

    node: OperationDefinitionNode
    name: str | None
    type: str
    needs_tenant: bool
    atomic: bool
    fields: tuple[StrawberryField | None, ...] = ()


@dataclass(slots=True)
class Document:
    """A parsed document.

    Args:
        text: Its source.
        node: The parsed document.
        errors: What is wrong with it; empty for a valid one.
        operations: Its operations, by name.
    """

    text: str
    node: DocumentNode
    errors: list[GraphQLError]
    operations: dict[str | None, OperationFacts] = field(
        default_factory=dict[str | None, OperationFacts]
    )

    def operation(self, name: str | None) -> OperationFacts:
        """The operation that a request names.

        Raises:
            GraphQLError: When there is none of that name, or several and the request names
                none (the first one ran, in Strawberry's default).
        """
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        found = self.operations.get(name) if name is not None else None
        if found is not None:
            return found
        known = ", ".join(sorted(name for name in self.operations if name)) or "none with a name"
        if name is None:
            raise GraphQLError(
                f"operationName is needed: the document has several operations ({known})."
            )
        raise GraphQLError(f'There is no operation named "{name}" (there are: {known}).')


class Documents:
    """A bounded cache from document text to `Document`.

    Args:
        schema: The graphql-core schema to validate against.
        limits: The bounds that are checked before validation.
        introspection: Whether introspection is on.
        capacity: How many documents are kept; the least recently used goes first.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        introspection: bool = True,
        capacity: int = _CAPACITY,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._introspection = introspection
        self._known: Recent[tuple[str, Rules], Document] = Recent(capacity)

    def get(self, text: str, rules: Rules) -> Document:
        """Parse and validate, or remember.

        Args:
            text: The document.
            rules: The validation rules; the cache is keyed by them too, so rule classes that
                are made anew for each request never hit (SECURITY.md, GraphQL).

        Raises:
            GraphQLError: When the text is no GraphQL document, or a bound is exceeded.
        """
        key = (text, rules)
        document = self._known.get(key)
        if document is not None:
            return document
        document = self._read(text, rules)
        if len(text) <= MAX_CACHED_CHARACTERS:
            self._known.keep(key, document)
        return document

    def forget(self, text: str, rules: Rules) -> None:
        """Drop a document, because its text is remembered otherwise."""
        self._known.forget((text, rules))

    def __contains__(self, key: tuple[str, Rules]) -> bool:
        return key in self._known

    def __len__(self) -> int:
        return len(self._known)

    def _read(self, text: str, rules: Rules) -> Document:
        if len(text) > self._limits.max_characters:
            # Comments are no tokens: a megabyte of them takes 90 ms to skip.
            raise GraphQLError(
                f"The document is longer than {self._limits.max_characters} characters."
            )
        try:
            node = parse(text, max_tokens=self._limits.max_tokens)
        except GraphQLSyntaxError as error:
            if "token" in error.message and "limit" in error.message:
                raise GraphQLError(
                    f"The document has more than {self._limits.max_tokens} tokens."
                ) from error
            raise
        except RecursionError as error:
            raise GraphQLError("The document is nested too deeply.") from error
        self._refuse_too_large(node)
        if not self._introspection:
            rules = (*rules, NoSchemaIntrospectionCustomRule)
        errors = [_readable(error) for error in validate(self._schema, node, rules)]
        document = Document(text, node, errors)
        if not document.errors:
            document.operations = self._operations_of(node)
        return document

    def examine(self, node: DocumentNode) -> Document:
        """What the guards need to know of a valid document that somebody else parsed.

        Raises:
            GraphQLError: When a bound is exceeded, or for introspection where it is off.
        """
        self._refuse_too_large(node)
        if not self._introspection:
            for error in validate(self._schema, node, [NoSchemaIntrospectionCustomRule]):
                raise error
        return Document("", node, [], self._operations_of(node))

    def _refuse_too_large(self, node: DocumentNode) -> None:
        too_large = check_limits(node, self._limits)
        if too_large is not None:
            raise too_large

    def _operations_of(self, document: DocumentNode) -> dict[str | None, OperationFacts]:
        return {facts.name: facts for facts in self._operations(document)}

    def _operations(self, document: DocumentNode) -> Iterator[OperationFacts]:
        fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode):
                fields = tuple(
                    self._root_field(node, name)
                    for name in _field_names(node.selection_set, fragments)
                    if not name.startswith("__")
                )
                yield OperationFacts(
                    node,
                    node.name.value if node.name else None,
                    node.operation.value,
                    needs_tenant=any(_needs_tenant(field) for field in fields),
                    atomic=any(
                        isinstance(f, OperationField) and f.operation.atomic for f in fields
                    ),
                    fields=fields,
                )

    def _root_field(self, operation: OperationDefinitionNode, name: str) -> StrawberryField | None:
        root = self._schema.get_root_type(operation.operation)
        definition = root.fields.get(name) if root else None
        extensions: dict[str, Any] = definition.extensions if definition else {}
        return extensions.get("strawberry-definition")


def _needs_tenant(field: StrawberryField | None) -> bool:
    # Whatever is not marked needs one: a hand-written Strawberry field as well.
    return not (isinstance(field, OperationField) and not field.operation.tenant)


def _field_names(
    selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]
) -> Iterator[str]:
    for node in selections.selections:
        if isinstance(node, FieldNode):
            yield node.name.value
        elif isinstance(node, FragmentSpreadNode):
            yield from _field_names(fragments[node.name.value].selection_set, fragments)
        else:
            yield from _field_names(node.selection_set, fragments)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]


def _readable(error: GraphQLError) -> GraphQLError:
    original = error.original_error
    if original is None or isinstance(original, GraphQLError):
        return error
    # A literal broke a parser: Python refuses to read a number of more than 4300 digits.
    return GraphQLError("The document holds a value that cannot be read.", nodes=error.nodes)

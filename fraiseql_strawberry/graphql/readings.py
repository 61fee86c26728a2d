"""What is executed for a text: its own document, or one for all texts that differ in literals."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError, GraphQLSchema, specified_rules

from .compiler import Lifted, normalise
from .compiler.reason import SteppedAside
from .documents import MAX_CACHED_CHARACTERS, Document, Documents, Rules
from .liftable import liftable
from .lifted import LiftedDocument
from .recent import Recent

__all__ = ["Reading", "Readings"]

_CAPACITY = 1000
# What these say of a document holds whatever its literals are, but for what `Literals` checks of
# each. A rule of the application's may look at any literal.
_RULES: Rules = tuple(specified_rules)


@dataclass(frozen=True, slots=True)
class Reading:
    """One request's text, read: what is executed for it, and with what.

    Args:
        document: The document; it may stand for texts with other literals too.
        text: The request's text.
        variables: The literals that are variables in it, by names that no client can use.
        lifted: The document without literals, if it is one.
        normal: The literals of this text.
    """

    document: Document
    text: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    lifted: LiftedDocument | None = None
    normal: Lifted | None = None

    def relocate(self, errors: Iterable[GraphQLError]) -> None:
        """Make errors of the execution point into this text; they are changed."""
        if self.lifted is not None and self.normal is not None:
            self.lifted.relocate(errors, self.text, self.normal)


class Readings:
    """Reads texts, and those that differ in literals only once.

    Args:
        documents: Parses and validates.
        schema: The schema of those documents.
        lifting: Whether literals are lifted; False where something around every operation could
            see it.
        capacity: How many documents without literals are kept.
    """

    def __init__(
        self,
        documents: Documents,
        schema: GraphQLSchema,
        *,
        lifting: bool = True,
        capacity: int = _CAPACITY,
    ) -> None:
        self._documents = documents
        self._schema = schema
        self._lifting = lifting
        self._texts: Recent[str, Reading] = Recent(capacity)
        # A text without literals → the numbers of those that may vary.
        self._shapes: Recent[str, tuple[int, ...]] = Recent(capacity)
        # That text and those that may not → the document.
        self._lifted: Recent[Hashable, tuple[LiftedDocument, Document]] = Recent(capacity)

    def __len__(self) -> int:
        return len(self._lifted)

    def read(self, text: str, rules: Rules) -> Reading:
        """What to execute for a text.

        Args:
            text: The document.
            rules: The validation rules; literals are lifted under the default ones only.

        Raises:
            GraphQLError: When the text is no GraphQL document, or a bound is exceeded.
        """
        if not self._lifting or rules != _RULES or (text, rules) in self._documents:
            return Reading(self._documents.get(text, rules))
        known = self._texts.get(text)
        if known is not None:
            return known
        normal = normalise(text)
        if not normal.literals:
            return Reading(self._documents.get(text, rules))
        reading = self._read_lifted(text, normal)
        if reading.lifted is not None and len(text) <= MAX_CACHED_CHARACTERS:
            self._texts.keep(text, reading)
        return reading

    def _read_lifted(self, text: str, normal: Lifted) -> Reading:
        numbers = self._shapes.get(normal.key)
        found = None if numbers is None else self._lifted.get(_kept(normal, numbers))
        if found is None and numbers != ():
            found = self._lift(text, normal)
        if found is not None:
            lifted, document = found
            variables = lifted.variables(normal)
            if variables is not None:
                return Reading(document, text, variables, lifted, normal)
        # Nothing may vary, or a literal is invalid: then the error is that of its own text.
        return Reading(self._documents.get(text, _RULES))

    def _lift(self, text: str, normal: Lifted) -> tuple[LiftedDocument, Document] | None:
        document = self._documents.get(text, _RULES)
        if document.errors:
            return None  # with other literals it may be valid
        numbers, found = liftable(self._schema, document.node, normal), None
        if numbers:
            try:
                lifted = LiftedDocument(self._schema, text, document.node, normal, numbers)
            except SteppedAside:
                numbers = ()
            else:
                found = lifted, self._documents.examine(lifted.node)
                self._lifted.keep(_kept(normal, numbers), found)
                self._documents.forget(text, _RULES)  # it is read like any other from now on
        self._shapes.keep(normal.key, numbers)
        return found


def _kept(normal: Lifted, numbers: tuple[int, ...]) -> Hashable:
    """The text without the literals that vary, and those that do not."""
    if len(numbers) == len(normal.literals):
        return normal.key
    return normal.key, *(t for n, t in enumerate(normal.literals) if n not in numbers)

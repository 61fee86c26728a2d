"""Documents compiled for the fast lane: once per text, whatever its literals are."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from graphql import GraphQLError, specified_rules

from ..sql.catalog import Catalog
from .compiler import (
    MISPLACED,
    Bound,
    BoundMutation,
    Compiled,
    CompiledMutation,
    SchemaIndex,
    Settings,
    StepAside,
    compile_mutation,
    compile_operation,
    normalise,
)
from .definition import OperationField
from .documents import Documents, OperationFacts

__all__ = ["PlanEntry", "Plans", "bind"]

_CAPACITY = 1000
_MAX_CACHED_CHARACTERS = 10_000
_RULES = tuple(specified_rules)

T = TypeVar("T")
_Key = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class PlanEntry:
    """An operation that was looked at once.

    Args:
        facts: What the guards need.
        scopes: The scopes that its fields need together.
        compiled: The statement, or what is written; None where the operation steps aside.
        reason: Why it steps aside; "compiled" where it does not.
    """

    facts: OperationFacts | None
    scopes: frozenset[str]
    compiled: Compiled | CompiledMutation | None
    reason: str


class Plans:
    """A bounded cache: document text without its literals, and operation name → `PlanEntry`.

    It belongs to one schema and one revision of its catalog.

    Args:
        index: The schema.
        documents: Its documents.
        settings: The bounds.
        catalog: The columns of its sources.
        capacity: How many are kept; the least recently used goes first.
    """

    def __init__(
        self,
        index: SchemaIndex,
        documents: Documents,
        settings: Settings,
        catalog: Catalog,
        *,
        capacity: int = _CAPACITY,
    ) -> None:
        self._index = index
        self._documents = documents
        self._settings = settings
        self._catalog = catalog
        self._capacity = capacity
        self._texts: OrderedDict[_Key, tuple[PlanEntry, tuple[str, ...]]] = OrderedDict()
        self._shapes: OrderedDict[_Key, PlanEntry] = OrderedDict()
        # Texts that have literals which no type knows inside of their input objects.
        self._plain: OrderedDict[_Key, bool] = OrderedDict()

    def __len__(self) -> int:
        return len(self._shapes)

    def find(self, text: str, name: str | None) -> tuple[PlanEntry, tuple[str, ...]]:
        """The entry of an operation, and the literals of its text.

        Args:
            text: The document.
            name: `operationName`, or None.
        """
        known = self._texts.get((text, name))
        if known is not None:
            self._texts.move_to_end((text, name))
            return known
        normal = normalise(text)
        key = (normal.key, name)
        if key in self._plain:
            normal = normalise(text, nested=False)
            key = (normal.key, name)
        entry = self._shapes.get(key)
        if entry is None:
            entry = self._compile(text, name, normal)
            if entry.reason == MISPLACED and key not in self._plain:
                _keep(self._plain, key, True, self._capacity)
                normal = normalise(text, nested=False)
                key = (normal.key, name)
                entry = self._compile(text, name, normal)
            if len(text) <= _MAX_CACHED_CHARACTERS:
                _keep(self._shapes, key, entry, self._capacity)
        else:
            self._shapes.move_to_end(key)
        found = (entry, normal.literals)
        if len(text) <= _MAX_CACHED_CHARACTERS:
            _keep(self._texts, (text, name), found, self._capacity)
        return found

    def _compile(self, text: str, name: str | None, normal: Any) -> PlanEntry:
        try:
            document = self._documents.get(text, _RULES)
            if document.errors:
                return _aside("invalid")
            facts = document.operation(name)
        except GraphQLError:
            return _aside("invalid")
        if facts.type == "query":
            compiled = compile_operation(
                self._index, document.node, name, self._catalog, self._settings, lifted=normal
            )
        elif facts.type == "mutation" and not facts.atomic:
            compiled = compile_mutation(
                self._index, document.node, facts.node, self._catalog, self._settings, lifted=normal
            )
        else:
            return _aside("atomic" if facts.atomic else facts.type)
        if isinstance(compiled, StepAside):
            return _aside(compiled.reason)
        return PlanEntry(facts, _scopes(facts), compiled, "compiled")


def bind(
    compiled: Compiled | CompiledMutation,
    variables: Mapping[str, Any] | None,
    literals: tuple[str, ...],
    tenant_id: str | None,
) -> Bound | BoundMutation | StepAside:
    """What one request runs, or why it is not served by statements of its own.

    Args:
        compiled: The operation.
        variables: As the request brought them.
        literals: Those of its text.
        tenant_id: Whose request it is; cursors are one tenant's.

    Raises:
        BadUserInput: When a value cannot be served.
    """
    if isinstance(compiled, CompiledMutation):
        return compiled.bind(variables, literals)
    return compiled.bind(variables, literals, tenant_id)


def _scopes(facts: OperationFacts) -> frozenset[str]:
    fields = (field for field in facts.fields if isinstance(field, OperationField))
    return frozenset(scope for field in fields for scope in field.operation.scopes)


def _aside(reason: str) -> PlanEntry:
    return PlanEntry(None, frozenset(), None, reason)


def _keep(cache: OrderedDict[_Key, T], key: _Key, value: T, capacity: int) -> None:
    cache[key] = value
    if len(cache) > capacity:
        cache.popitem(last=False)

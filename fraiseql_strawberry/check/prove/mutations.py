"""GraphQL mutations on a clone, called as two tenants with the other's ids."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any, cast
from uuid import uuid4

import graphql
import strawberry
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLList, GraphQLNonNull

from ...auth import Claims
from ...runtime import Runtime
from ...scope import RequestScope, enter_scope
from ..facts import Facts
from ..walk import selection_of
from .attempt import Action, Attempt, Outcome, Who, merged
from .belongings import AdminWitness, Belongings, read_belongings, read_state

__all__ = ["attack_mutations"]

_core: Any = graphql
_MOST = 32
_DEPTH = 3
# What is written for a scalar that holds no id.
_LITERALS = {
    "String": '"prove"',
    "Int": "1",
    "Float": "1.0",
    "Boolean": "true",
    "Decimal": '"1"',
    "Date": '"2026-01-01"',
    "DateTime": '"2026-01-01T00:00:00Z"',
    "Time": '"00:00:00"',
    "JSON": "{}",
}


async def attack_mutations(
    runtime: Runtime,
    schema: strawberry.Schema,
    facts: Facts,
    witness: AdminWitness,
    tenants: tuple[str, str],
    *,
    scopes: Collection[str] = (),
) -> list[Attempt]:
    """Call each mutation as own tenant, another and none, and look for the other's rows.

    Args:
        runtime: The tenancy of the clone, started.
        schema: The schema.
        facts: The clone's catalog.
        witness: Who looks at what was committed.
        tenants: Two tenants that have rows.
        scopes: What the callers' tokens may do.
    """
    mutation: Any = cast(Any, schema)._schema.mutation_type
    found: list[Attempt] = []
    fields: dict[str, Any] = mutation.fields if mutation else {}
    for name, field in fields.items():
        attempts: list[Attempt] = []
        for own, other in (tenants, tenants[::-1]):
            mine = await read_belongings(witness, facts, own, other)
            theirs = await read_belongings(witness, facts, other, own)
            for who, bound, ids in (
                (Who.OWN, own, mine),
                (Who.OTHER, own, theirs),
                (Who.NONE, None, theirs),
            ):
                caller = _Caller(runtime, schema, facts, witness, frozenset(scopes))
                attempts.append(await caller.attack(name, field, who, bound, ids, theirs))
        went = any(one.outcome in (Outcome.CLOSED, Outcome.HOLE) for one in attempts if _acts(one))
        found += merged(
            one if went or one.outcome is Outcome.HOLE else _idle(one) for one in attempts
        )
    return found


def _acts(one: Attempt) -> bool:
    return one.who is not Who.NONE


def _idle(one: Attempt) -> Attempt:
    return Attempt(one.target, one.action, one.who, Outcome.NOT_TRIED, one.seen, one.statement)


class _Caller:
    def __init__(
        self,
        runtime: Runtime,
        schema: strawberry.Schema,
        facts: Facts,
        witness: AdminWitness,
        scopes: frozenset[str],
    ) -> None:
        self._runtime = runtime
        self._schema = schema
        self._facts = facts
        self._witness = witness
        self._scopes = scopes

    async def attack(
        self,
        name: str,
        field: Any,
        who: Who,
        bound: str | None,
        ids: Belongings,
        theirs: Belongings,
    ) -> Attempt:
        target = f"Mutation.{name}"
        documents = list(_documents(name, field, ids))
        if not documents:
            why = "no value of one of its arguments can be made up"
            return Attempt(target, Action.CALL, who, Outcome.NOT_TRIED, why)
        before = await read_state(self._witness, self._facts, theirs.tenant)
        errors: set[str] = set()
        answered = False
        for shown, document in documents:
            said = f"# as {bound or 'nobody'}\n{shown}"
            result = await self._ask(bound, document)
            after = await read_state(self._witness, self._facts, theirs.tenant)
            if changed := [label for label in before if before[label] != after.get(label)]:
                seen = f"it changes another tenant's rows in {', '.join(changed)}"
                return Attempt(target, Action.CALL, who, Outcome.HOLE, seen, said)
            answer = json.dumps(result.data, default=str, ensure_ascii=False)
            if any(mark in answer for mark in theirs.marks if mark not in document):
                seen = "it returns values of another tenant's rows"
                return Attempt(target, Action.CALL, who, Outcome.HOLE, seen, said)
            answered = answered or not result.errors
            errors |= {_code(error) for error in result.errors or ()}
        refused = f"; refused: {', '.join(sorted(errors))}" if errors else ""
        count = f"{len(documents)} call{'s' if len(documents) > 1 else ''}"
        # An answer that is an error closes only what an answer without one has shown to work.
        outcome = Outcome.CLOSED if answered or who is Who.NONE else Outcome.NOT_TRIED
        seen = f"{count}, nothing of another tenant's{refused}"
        return Attempt(target, Action.CALL, who, outcome, seen, documents[-1][0])

    async def _ask(self, bound: str | None, document: str) -> Any:
        claims = Claims(tenant_id=bound, user_id=str(uuid4()), scopes=self._scopes)
        scope = RequestScope(bound, claims=claims, source="code", runtime=self._runtime)
        with enter_scope(scope):
            return await self._schema.execute(document)


def _code(error: Any) -> str:
    extensions: dict[str, Any] = error.extensions or {}
    return str(extensions.get("code", type(error).__name__))


def _documents(name: str, field: Any, ids: Belongings) -> Iterator[tuple[str, str]]:
    """Operations, as they are shown and as they are sent: no value of a row is shown."""
    selection = selection_of(field.type, _DEPTH)
    choices = max((len(ids.ids_like("uuid", "")), 1))
    sent: set[str] = set()
    for choice in range(min(choices, _MOST)):
        parts: list[tuple[str, str]] = []
        for key, argument in field.args.items():
            made = _made(argument.type, key, ids, choice)
            if made is None:
                if _core.is_required_argument(argument):
                    return
                continue
            parts.append((f"{key}: …", f"{key}: {made}"))
        shown, written = (", ".join(part[side] for part in parts) for side in (0, 1))
        document = f"mutation {{ {name}{f'({written})' if written else ''}{selection} }}"
        if document not in sent:
            sent.add(document)
            yield f"mutation {{ {name}{f'({shown})' if shown else ''} }}", document


def _made(type_: Any, name: str, ids: Belongings, choice: int) -> str | None:
    if isinstance(type_, GraphQLNonNull):
        return _made(cast(Any, type_).of_type, name, ids, choice)
    if isinstance(type_, GraphQLList):
        inner = _made(cast(Any, type_).of_type, name, ids, choice)
        return None if inner is None else f"[{inner}]"
    if isinstance(type_, GraphQLEnumType):
        return next(iter(cast(Any, type_).values))
    if isinstance(type_, GraphQLInputObjectType):
        parts: list[str] = []
        for key, field in cast(Any, type_).fields.items():
            made = _made(field.type, key, ids, choice)
            if made is not None:
                parts.append(f"{key}: {made}")
            elif _core.is_required_input_field(field):
                return None
        return f"{{ {', '.join(parts)} }}"
    kind = str(type_)
    if kind in ("ID", "UUID"):
        known = [one.value for one in ids.ids_like("uuid", name)] or [ids.tenant]
        return json.dumps(ids.tenant if "tenant" in name.lower() else known[choice % len(known)])
    return _LITERALS.get(kind)

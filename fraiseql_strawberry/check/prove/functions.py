"""Functions, called as two tenants: what one returns or changes is never another's.

On a clone each call is committed, and the administrator looks at what it did. Elsewhere it is
rolled back, and the other tenant looks, within the same transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import uuid4

import asyncpg

from ..facts import Facts
from .attempt import Action, Attempt, Outcome, Who, merged
from .belongings import Belongings, State, TenantWitness, Witness, read_belongings, read_state
from .ground import Ground, Refused
from .routines import Call, Routine
from .rows import fill

__all__ = ["attack_functions", "not_called"]

_NO_PRIVILEGE = "42501"


def not_called(routines: Sequence[Routine]) -> list[Attempt]:
    """What is said of functions that nobody allowed to be called."""
    seen = "what it does may not roll back: --clone, or --allow-function"
    return [Attempt(one.label, Action.CALL, Who.OTHER, Outcome.NOT_TRIED, seen) for one in routines]


async def attack_functions(
    ground: Ground,
    facts: Facts,
    routines: Sequence[Routine],
    tenants: tuple[str, str],
    *,
    witness: Witness | None = None,
) -> list[Attempt]:
    """Call each as own tenant, another, none and a random one, and look for the other's rows.

    Args:
        ground: The application role's connection.
        facts: The catalog.
        routines: What to call.
        tenants: Two tenants. Where one has no row in a table, one is made.
        witness: Who looks, on a clone, where all is committed; None rolls everything back.
    """
    if witness is not None:
        return [
            one
            for each in routines
            for one in await _Caller(ground, facts, tenants, witness, kept=True).attack(each)
        ]
    async with ground.transaction():
        caller = _Caller(ground, facts, tenants, TenantWitness(ground), kept=False)
        return [one for each in routines for one in await caller.attack(each)]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one call did: a hole, a refusal that keeps tenants apart, another error, or nothing."""

    hole: str | None = None
    error: str | None = None
    closing: bool = False


class _Caller:
    def __init__(
        self,
        ground: Ground,
        facts: Facts,
        tenants: tuple[str, str],
        witness: Witness,
        *,
        kept: bool,
    ) -> None:
        self._ground = ground
        self._facts = facts
        self._tenants = tenants
        self._witness = witness
        self._kept = kept
        self._states: dict[str, State] = {}
        self._belongings: dict[str, Belongings] = {}

    async def attack(self, one: Routine) -> list[Attempt]:
        why = one.unfit()
        if why is not None:
            return [Attempt(one.label, Action.CALL, Who.OTHER, Outcome.NOT_TRIED, why)]
        found: list[Attempt] = []
        for own, other in (self._tenants, self._tenants[::-1]):
            await self._look()
            mine, theirs = self._belongings[own], self._belongings[other]
            found += [each async for each in self._as_everybody(one, mine, theirs)]
        return merged(found)

    async def _look(self) -> None:
        """Know both tenants' rows; they change only where calls are committed."""
        if self._states and (not self._kept or self._states == await self._read_states()):
            return
        await self._fill()
        own, other = self._tenants
        for tenant, stranger in ((own, other), (other, own)):
            self._belongings[tenant] = await read_belongings(
                self._witness, self._facts, tenant, stranger
            )
        self._states = await self._read_states()

    async def _read_states(self) -> dict[str, State]:
        return {
            tenant: await read_state(self._witness, self._facts, tenant) for tenant in self._tenants
        }

    async def _fill(self) -> None:
        """Rows for both tenants: a call may have taken some away."""
        for table in self._facts.tenant_tables:
            if table.may_write:
                for tenant in self._tenants:
                    if self._kept:
                        async with self._ground.committed():
                            await fill(self._ground, self._facts, table, tenant)
                    else:
                        await fill(self._ground, self._facts, table, tenant)

    async def _as_everybody(
        self, one: Routine, mine: Belongings, theirs: Belongings
    ) -> AsyncIterator[Attempt]:
        answered = False
        for who, bound, ids in (
            (Who.OWN, mine.tenant, mine),
            (Who.OTHER, mine.tenant, theirs),
            (Who.NONE, None, theirs),
            (Who.RANDOM, str(uuid4()), theirs),
        ):
            calls = one.calls(ids)
            seen: list[_Seen] = []
            for call in calls:
                seen.append(await self._call(call, bound, theirs))
                if seen[-1].hole:
                    break
            answered = answered or any(not each.error or each.closing for each in seen)
            yield _judged(one, who, bound, calls[: len(seen)], seen, answered=answered)

    async def _call(self, call: Call, bound: str | None, theirs: Belongings) -> _Seen:
        before = self._states[theirs.tenant]
        error: Refused | None = None
        rows: list[asyncpg.Record] = []
        if self._kept:
            try:
                async with self._ground.committed():
                    await self._ground.become(bound)
                    rows = await self._ground.rows(call.sql, *call.args)
            except Refused as refused:
                error = refused
            after = await read_state(self._witness, self._facts, theirs.tenant)
            self._states[theirs.tenant] = after
        else:
            async with self._ground.savepoint():
                await self._ground.become(bound)
                try:
                    rows = await self._ground.rows(call.sql, *call.args)
                except Refused as refused:
                    error = refused
                after = await read_state(self._witness, self._facts, theirs.tenant)
        changed = [label for label in before if before[label] != after.get(label)]
        if changed:
            return _Seen(hole=f"it changes another tenant's rows in {', '.join(changed)}")
        if error is not None:
            closing = error.policy or error.code == _NO_PRIVILEGE
            return _Seen(error=error.code, closing=closing)
        answer = "\n".join(str(value) for row in rows for value in row)
        # What was passed may come back.
        if any(mark in answer for mark in theirs.marks.difference(call.args)):
            return _Seen(hole="it returns values of another tenant's rows")
        return _Seen()


def _judged(
    one: Routine,
    who: Who,
    bound: str | None,
    calls: Sequence[Call],
    seen: Sequence[_Seen],
    *,
    answered: bool,
) -> Attempt:
    said = f"-- as {bound or 'nobody'}\n{calls[-1].sql}"
    hole = seen[-1].hole
    if hole is not None:
        return Attempt(one.label, Action.CALL, who, Outcome.HOLE, hole, said)
    errors = sorted({each.error for each in seen if each.error})
    refused = f"; refused: {', '.join(errors)}" if errors else ""
    count = f"{len(seen)} call{'s' if len(seen) > 1 else ''}"
    if not answered:
        why = f"of {count} with made-up arguments none went through{refused}"
        return Attempt(one.label, Action.CALL, who, Outcome.NOT_TRIED, why, said)
    quiet = f"{count}, nothing of another tenant's{refused}"
    return Attempt(one.label, Action.CALL, who, Outcome.CLOSED, quiet, said)

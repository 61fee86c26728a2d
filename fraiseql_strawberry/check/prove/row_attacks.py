"""The attacks of the row strategy: one table or view, every action, as everybody.

PostgreSQL checks a policy before it checks any other constraint (`ExecInsert`, `ExecUpdate`): a
statement that a foreign key or NOT NULL refuses has already got past the policy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import uuid4

from ...sql.catalog import quoted
from ..facts import Facts, Relation
from .attempt import Action, Attempt, Outcome, Who, merged
from .ground import Ground, Refused
from .rows import fill

__all__ = ["attack_relation"]

_MOST = 1_000
_CONSTRAINT = "23"  # class 23: integrity constraint violations
_NO_PRIVILEGE = "42501"
_SELECT, _INSERT, _UPDATE, _DELETE, _MOVE = (
    Action.SELECT,
    Action.INSERT,
    Action.UPDATE,
    Action.DELETE,
    Action.MOVE,
)


@dataclass(frozen=True, slots=True)
class _Victim:
    """Another tenant's rows in a relation: by the tenant column, or by what they look like."""

    condition: str
    args: tuple[object, ...]
    count: int


async def attack_relation(
    ground: Ground, facts: Facts, relation: Relation, tenants: tuple[str, str]
) -> list[Attempt]:
    """Attack one relation in all ways; nothing of it stays.

    Args:
        ground: The application role's connection.
        facts: The catalog.
        relation: A table or view that holds tenants' rows.
        tenants: Two tenants. Where one has no row, one is made in the transaction.
    """
    found: list[Attempt] = []
    for own, other in (tenants, tenants[::-1]):
        attack = _Attack(ground, facts, relation, own, other)
        async with ground.transaction():
            found += [one async for one in attack.all()]
    found += [one async for one in _after_commit(ground, relation, tenants)]
    return merged(found)


class _Attack:
    def __init__(
        self, ground: Ground, facts: Facts, relation: Relation, own: str, other: str
    ) -> None:
        self._ground = ground
        self._facts = facts
        self._relation = relation
        self._own = own
        self._other = other
        self._tenant = facts.tenant_column if facts.tenant_column in relation.columns else None

    async def all(self) -> AsyncIterator[Attempt]:
        why = await self._prepare(self._other) or await self._prepare(self._own)
        victim = await self._victim()
        if victim is None or not victim.count:
            for action in (_SELECT, _UPDATE, _DELETE):
                reason = f"the other tenant has no row to attack{': ' + why if why else ''}"
                yield self._said(action, Who.OTHER, Outcome.NOT_TRIED, reason)
        else:
            for who, bound in (
                (Who.OTHER, self._own),
                (Who.NONE, None),
                (Who.RANDOM, str(uuid4())),
            ):
                async for one in self._reach(victim, who, bound):
                    yield one
        if self._tenant is not None and self._relation.may_write:
            async for one in self._plant():
                yield one

    async def _prepare(self, tenant: str) -> str | None:
        if self._relation.is_table and self._relation.may_write:
            return await fill(self._ground, self._facts, self._relation, tenant)
        below = [
            self._facts.relations[oid] for oid in self._facts.reads.get(self._relation.oid, ())
        ]
        for table in below:
            if table.is_table and table.used and self._facts.tenant_column in table.columns:
                why = await fill(self._ground, self._facts, table, tenant)
                if why is not None:
                    return why
        return None

    async def _victim(self) -> _Victim | None:
        """The other tenant's rows, as that tenant sees them."""
        await self._ground.become(self._other)
        name = self._relation.sql
        try:
            if self._tenant is not None:
                condition = f"{quoted(self._tenant)}::text = $1"
                sql = f"SELECT count(*) FROM {name} AS r WHERE {condition}"  # noqa: S608
                [(count,)] = await self._ground.rows(sql, self._other)
                return _Victim(condition, (self._other,), count)
            sql = f"SELECT md5(r::text) FROM {name} AS r LIMIT {_MOST}"  # noqa: S608
            marks = {row[0] for row in await self._ground.rows(sql)}
            await self._ground.become(self._own)
            mine = {row[0] for row in await self._ground.rows(sql)}
        except Refused:
            return None
        theirs = sorted(marks - mine)
        return _Victim("md5(r::text) = ANY($1::text[])", (theirs or sorted(marks),), len(theirs))

    async def _reach(self, victim: _Victim, who: Who, bound: str | None) -> AsyncIterator[Attempt]:
        name = self._relation.sql
        column = quoted(self._tenant or self._relation.columns[0])
        statements = {
            _SELECT: f"SELECT 1 FROM {name} AS r WHERE {victim.condition}",  # noqa: S608
            _UPDATE: f"UPDATE {name} AS r SET {column} = {column} WHERE {victim.condition}",  # noqa: S608
            _DELETE: f"DELETE FROM {name} AS r WHERE {victim.condition}",  # noqa: S608
        }
        for action, sql in statements.items():
            await self._ground.become(bound)
            yield await self._try(action, who, bound, sql, victim.args)

    async def _plant(self) -> AsyncIterator[Attempt]:
        assert self._tenant is not None
        column, name = quoted(self._tenant), self._relation.sql
        types = dict(zip(self._relation.columns, self._relation.types, strict=True))
        value = f"$1::text::{types[self._tenant]}"
        insert = f"INSERT INTO {name} ({column}) VALUES ({value})"  # noqa: S608
        for who, bound in ((Who.OTHER, self._own), (Who.NONE, None), (Who.RANDOM, str(uuid4()))):
            await self._ground.become(bound)
            yield await self._try(_INSERT, who, bound, insert, (self._other,))
        move = f"UPDATE {name} AS r SET {column} = {value} WHERE {column}::text = $2"  # noqa: S608
        await self._ground.become(self._own)
        yield await self._try(_MOVE, Who.OTHER, self._own, move, (self._other, self._own))

    async def _try(
        self, action: Action, who: Who, bound: str | None, sql: str, args: Sequence[object]
    ) -> Attempt:
        said = f"-- as {bound or 'nobody'}\n{sql}"
        try:
            count = await self._ground.attempt(sql, *args)
        except Refused as error:
            if error.code.startswith(_CONSTRAINT):
                seen = f"only a constraint stopped it ({error.code}): the policy let it pass"
                return self._said(action, who, Outcome.HOLE, seen, said)
            if error.policy:
                return self._said(action, who, Outcome.CLOSED, "the policy refused it", said)
            if error.code == _NO_PRIVILEGE:
                return self._said(action, who, Outcome.CLOSED, "there is no privilege", said)
            return self._said(action, who, Outcome.CLOSED, f"refused ({error.code})", said)
        if count:
            seen = f"{count} row{'s' if count > 1 else ''} of another tenant"
            return self._said(action, who, Outcome.HOLE, seen, said)
        if action is _MOVE:
            return self._said(action, who, Outcome.NOT_TRIED, "there is no own row to move", said)
        return self._said(action, who, Outcome.CLOSED, "no row was reached", said)

    def _said(
        self, action: Action, who: Who, outcome: Outcome, seen: str, statement: str = ""
    ) -> Attempt:
        return Attempt(self._relation.label, action, who, outcome, seen, statement)


async def _after_commit(
    ground: Ground, relation: Relation, tenants: tuple[str, str]
) -> AsyncIterator[Attempt]:
    """On the same connection, after a committed transaction of a tenant, nobody sees anything."""
    sql = f"SELECT 1 FROM {relation.sql} LIMIT 1"  # noqa: S608
    who, said = Who.AFTER_COMMIT, f"-- after a committed transaction of {tenants[0]}\n{sql}"
    try:
        await ground.commit_as(tenants[0], "SELECT 1")
        async with ground.transaction():
            count = await ground.attempt(sql)
    except Refused as error:
        seen = f"refused ({error.code})"
        yield Attempt(relation.label, _SELECT, who, Outcome.CLOSED, seen, said)
        return
    outcome = Outcome.HOLE if count else Outcome.CLOSED
    seen = "a row without any tenant" if count else "no row was reached"
    yield Attempt(relation.label, _SELECT, who, outcome, seen, said)

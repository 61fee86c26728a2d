"""The attacks of the schema strategy: other schemas by name, missing ones, and leftovers."""

from __future__ import annotations

from collections.abc import Sequence

from ...sql.catalog import quoted
from ..facts import Facts, Relation
from .attempt import Action, Attempt, Outcome, Who
from .ground import Ground, Refused

__all__ = ["attack_schemas"]


async def attack_schemas(
    ground: Ground, facts: Facts, schemas: tuple[str, str], *, roles: bool
) -> list[Attempt]:
    """Try each relation of one tenant's schema from within another's.

    Args:
        ground: The application role's connection; its setting is `search_path`.
        facts: The catalog.
        schemas: Two tenants' schemas.
        roles: Whether each transaction takes on a role of its tenant's.
    """
    found: list[Attempt] = []
    own, other = schemas
    for relation in facts.relations.values():
        if relation.schema == other:
            found += await _attack(ground, relation, own, roles=roles)
    return found


async def _attack(
    ground: Ground, relation: Relation, own: str, *, roles: bool
) -> Sequence[Attempt]:
    label, name = relation.label, quoted(relation.name)
    found: list[Attempt] = []
    for who, path in (
        (Who.NONE, "pg_catalog, pg_temp"),
        (Who.RANDOM, "tenant_that_is_not_there, pg_temp"),
        (Who.AFTER_COMMIT, None),
    ):
        sql = f"SELECT 1 FROM {name} LIMIT 1"  # noqa: S608
        if path is None:
            await ground.commit_as(f"{quoted(own)}, pg_temp", "SELECT 1")
        async with ground.transaction():
            if path is not None:
                await ground.become(path)
            found.append(await _try(ground, label, who, sql, f"search_path = {path or 'as it is'}"))
    async with ground.transaction():
        await ground.become(f"{quoted(own)}, pg_temp")
        if roles:
            await ground.rows("SELECT set_config('role', $1, true)", own)
        sql = f"SELECT 1 FROM {relation.sql} LIMIT 1"  # noqa: S608
        one = await _try(ground, label, Who.OTHER, sql, f"search_path = {own}")
        found.append(one)
    return found


async def _try(ground: Ground, label: str, who: Who, sql: str, bound: str) -> Attempt:
    said = f"-- {bound}\n{sql}"
    try:
        count = await ground.attempt(sql)
    except Refused as error:
        seen = f"refused ({error.code})"
        return Attempt(label, Action.SELECT, who, Outcome.CLOSED, seen, said)
    if not count:
        return Attempt(label, Action.SELECT, who, Outcome.CLOSED, "no row was reached", said)
    if who is Who.OTHER:
        # One role may use every tenant's schema: only names that nobody writes keep them apart.
        seen = "reachable by its qualified name; [multitenancy] role_template closes it"
        return Attempt(label, Action.SELECT, who, Outcome.UNCLEAR, seen, said)
    return Attempt(label, Action.SELECT, who, Outcome.HOLE, f"{count} row without a tenant", said)

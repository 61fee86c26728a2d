"""Every query field of a schema, asked as two tenants: no row of one is a row of the other."""

from __future__ import annotations

from typing import Any, cast

import strawberry

from ...runtime import Runtime
from ..overlap import objects_in
from ..walk import walk_queries
from .attempt import Action, Attempt, Outcome, Who

__all__ = ["attack_fields"]


async def attack_fields(
    runtime: Runtime, schema: strawberry.Schema, tenants: tuple[str, str]
) -> list[Attempt]:
    """Ask every query field that needs no argument as each tenant, and compare.

    Args:
        runtime: The tenancy, started.
        schema: The schema.
        tenants: Two tenants that have rows.
    """
    found: list[Attempt] = []
    for walked in walk_queries(schema._schema):  # pyright: ignore[reportPrivateUsage]
        target = f"Query.{walked.field}"
        if walked.document is None:
            found.append(_said(target, Outcome.NOT_TRIED, walked.reason))
            continue
        answers = [await _ask(runtime, schema, tenant, walked.document) for tenant in tenants]
        found.append(_judged(target, walked.document, answers))
    return found


async def _ask(runtime: Runtime, schema: strawberry.Schema, tenant: str, document: str) -> Any:
    async with runtime.as_tenant(tenant):
        result = cast(Any, await schema.execute(document))
    return None if result.errors else result.data


def _judged(target: str, document: str, answers: list[Any]) -> Attempt:
    if any(answer is None for answer in answers):
        return _said(target, Outcome.NOT_TRIED, "it answers with an error", document)
    one, other = (set(objects_in(answer)) for answer in answers)
    if not one or not other:
        return _said(target, Outcome.NOT_TRIED, "a tenant has no rows there", document)
    if both := len(one & other):
        return _said(target, Outcome.HOLE, f"{both} objects are in both answers", document)
    return _said(
        target, Outcome.CLOSED, f"{len(one)} and {len(other)} objects, none in both", document
    )


def _said(target: str, outcome: Outcome, seen: str, statement: str = "") -> Attempt:
    return Attempt(target, Action.QUERY, Who.OTHER, outcome, seen, statement)

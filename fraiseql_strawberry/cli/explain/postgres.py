"""PostgreSQL's own plan of a statement, for one tenant."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..failures import CommandFailed
from .lane import Planned

__all__ = ["PostgresPlan", "explain"]

# A view may call functions that write: under --analyze they would. And no parallel plan, since the
# set_config that carries the tenant in the fast lane keeps PostgreSQL from making one.
_AS_SERVED = (
    "SELECT set_config('transaction_read_only', 'on', true), "
    "set_config('max_parallel_workers_per_gather', '0', true)"
)


@dataclass(frozen=True, slots=True)
class PostgresPlan:
    """The answer of EXPLAIN.

    Args:
        plan: The outermost node, with those below it in `Plans`.
        planning_ms: What planning took, in milliseconds; None unless the statement was run.
        execution_ms: What running it took, in milliseconds; None unless it was run.
    """

    plan: dict[str, Any]
    planning_ms: float | None = None
    execution_ms: float | None = None


async def explain(
    connection: AsyncConnection, planned: Planned, *, analyze: bool = False
) -> PostgresPlan:
    """Ask for the plan of a statement with the values of its parameters.

    Args:
        connection: In a transaction that is bound to the tenant, which the caller rolls back.
        planned: The statement.
        analyze: Whether it is really run, for row counts and times.

    Raises:
        CommandFailed: PostgreSQL refuses the statement.
    """
    options = "FORMAT JSON, ANALYZE, BUFFERS" if analyze else "FORMAT JSON"
    try:
        await connection.exec_driver_sql(_AS_SERVED)
        result = await connection.exec_driver_sql(
            f"EXPLAIN ({options}) {planned.sql}",
            planned.args,
        )
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig is not None else None
        raise CommandFailed(f"PostgreSQL: {cause or error.orig}") from error
    found: Any = result.scalar_one()
    found = json.loads(found) if isinstance(found, str) else found
    (answer,) = cast("list[dict[str, Any]]", found)
    return PostgresPlan(answer["Plan"], answer.get("Planning Time"), answer.get("Execution Time"))

"""PostgreSQL's own plan of a statement, for one tenant, as requests get it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ...runtime import Runtime
from ...sql.parameters import AS_TEXT
from ...sql.plan import Parameter
from ...trouble import translate
from ..failures import CommandFailed
from .described import slots
from .lane import Planned
from .unindexed import Unindexed, unindexed

__all__ = ["Asking", "PostgresPlan", "as_tenant", "explain"]

_WHO = "SELECT current_user::text, current_setting('plan_cache_mode')"

# What the lanes' connections plan by (isolation/planning.py); bind() has set it back for sessions.
# No parallel plan, since the set_config that carries the tenant beside a read keeps PostgreSQL from
# making one. And a view may call functions that write: under --analyze they would.
_AS_READ = (
    "SELECT set_config('plan_cache_mode', $1, true), "
    "set_config('max_parallel_workers_per_gather', '0', true), "
    "set_config('transaction_read_only', 'on', true)"
)
_BY_INDEX = (
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true)"
)
_KINDS = {"force_generic_plan": "generic plan", "force_custom_plan": "custom plan"}


@dataclass(frozen=True, slots=True)
class Asking:
    """A connection in a transaction that is bound to a tenant.

    Args:
        connection: The connection.
        role: Who PostgreSQL takes it for.
        kind: "generic plan" where a plan is kept for all values of the parameters, else
            "custom plan".
    """

    connection: AsyncConnection
    role: str
    kind: str


@dataclass(frozen=True, slots=True)
class PostgresPlan:
    """The answer of EXPLAIN.

    Args:
        kind: As in `Asking`.
        plan: The outermost node, with those below it in `Plans`.
        planning_ms: What planning took, in milliseconds; None unless the statement was run.
        execution_ms: What running it took, in milliseconds; None unless it was run.
        unindexed: The filters and orders that no index serves.
    """

    kind: str
    plan: dict[str, Any]
    planning_ms: float | None = None
    execution_ms: float | None = None
    unindexed: tuple[Unindexed, ...] = ()


@asynccontextmanager
async def as_tenant(runtime: Runtime, tenant_id: str) -> AsyncGenerator[Asking]:
    """Open a read-only transaction as a tenant's request would; it is rolled back.

    Args:
        runtime: The tenancy, started.
        tenant_id: The canonical tenant.

    Raises:
        TenantUnavailable: The tenant is not served.
        ServiceUnavailable: The database cannot be reached.
        CommandFailed: PostgreSQL refuses something.
    """
    await runtime.admit(tenant_id)
    isolation = runtime.isolation
    try:
        async with isolation.engine(tenant_id) as engine, engine.connect() as connection:
            role, mode = cast("tuple[str, str]", (await connection.exec_driver_sql(_WHO)).one())
            await connection.run_sync(isolation.bind, tenant_id)
            await connection.exec_driver_sql(_AS_READ, (mode,))
            yield Asking(connection, role, _KINDS.get(mode, "custom plan"))
            await connection.rollback()
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig is not None else None
        raise translate(error) or CommandFailed(f"PostgreSQL: {cause or error.orig}") from error


async def explain(asking: Asking, planned: Planned, *, analyze: bool = False) -> PostgresPlan:
    """Ask for the plan of a statement.

    The statement is prepared first, as it is by the lanes: EXPLAIN of a bare statement knows the
    values of its parameters, which a generic plan does not.

    Args:
        asking: Who asks.
        planned: The statement.
        analyze: Whether it is really run, for row counts and times.
    """
    connection = asking.connection
    values = await _literals(connection, planned)
    options = "FORMAT JSON, ANALYZE, BUFFERS" if analyze else "FORMAT JSON"
    answer = await _explained(connection, planned.sql, values, options)
    # Rolled back to, a savepoint takes the settings with it.
    async with connection.begin_nested() as savepoint:
        await connection.exec_driver_sql(_BY_INDEX)
        by_index = await _explained(connection, planned.sql, values, "FORMAT JSON")
        await savepoint.rollback()
    return PostgresPlan(
        asking.kind,
        answer["Plan"],
        answer.get("Planning Time"),
        answer.get("Execution Time"),
        unindexed(by_index["Plan"]),
    )


async def _explained(
    connection: AsyncConnection, sql: str, values: str, options: str
) -> dict[str, Any]:
    name = f"fraiseql_{uuid4().hex}"
    await connection.exec_driver_sql(f"PREPARE {name} AS {sql}")
    try:
        async with connection.begin_nested():
            result = await connection.exec_driver_sql(f"EXPLAIN ({options}) EXECUTE {name}{values}")
            found: Any = result.scalar_one()
    finally:
        # It would outlive the transaction, on a connection that a pooler may share.
        await connection.exec_driver_sql(f"DEALLOCATE {name}")
    found = json.loads(found) if isinstance(found, str) else found
    (answer,) = cast("list[dict[str, Any]]", found)
    return answer


async def _literals(connection: AsyncConnection, planned: Planned) -> str:
    """The values as EXECUTE takes them, quoted by PostgreSQL itself: it binds no parameters."""
    if not planned.args:
        return ""
    by_slot = slots(planned.plan)
    texts = (f"quote_nullable({_cast(by_slot[slot])}::text)" for slot in range(len(planned.args)))
    row = (await connection.exec_driver_sql(f"SELECT {', '.join(texts)}", planned.args)).one()
    return f"({', '.join(row)})"


def _cast(parameter: Parameter) -> str:
    """The parameter as the driver sends it (see `sql.render`)."""
    type_ = parameter.type
    own = type_.schema != "pg_catalog" or type_.name in AS_TEXT
    name = "text" if own else type_.name
    return f"${parameter.slot + 1}::{name}{'[]' if parameter.array else ''}"

"""Which plans PostgreSQL keeps for compiled reads.

`LIMIT $2` makes PostgreSQL plan each time, since it cannot know how small the number is: 291 µs
against 162 with a generic plan (DESIGN.md, section 5). The tenant is not lost on the planner by
that: it is an InitPlan's result in either kind of plan. Policies in the bare form of
`current_setting` must have custom plans: a generic one evaluates them when it is bound, which is
before the setting.
"""

from __future__ import annotations

from importlib import resources

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..engine import set_on_connections

__all__ = ["choose_plans"]

_BARE = resources.files("fraiseql_strawberry.isolation").joinpath("planning.sql").read_text("utf-8")


async def choose_plans(engine: AsyncEngine, connection: AsyncConnection) -> None:
    """Give each connection that the engine makes from now on a `plan_cache_mode`.

    Sessions set it back to `auto` for their transactions.

    Args:
        engine: An engine of ours; an application's own is left as it is.
        connection: One of its connections, to look at the policies with; closed afterwards, since
            it was made without.
    """
    bare = (await connection.exec_driver_sql(_BARE)).scalar_one()
    mode = "force_custom_plan" if bare else "force_generic_plan"

    set_on_connections(engine, {"plan_cache_mode": mode})
    await connection.invalidate()

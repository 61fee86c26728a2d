"""`alembic revision --autogenerate` notices a tenant table without row security or policies."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from typing import Any, NamedTuple

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Table

from ..lifecycle.migrate.visit import ROLES
from .columns import TENANT_COLUMN
from .operations.operation import TenantOperation
from .operations.security import CreateTenantPolicy, EnableTenantRls

__all__ = ["PLUGIN", "PLUGINS"]

PLUGIN = "fraiseql_strawberry.tenants"
PLUGINS = ["alembic.autogenerate.*", PLUGIN]
"""What `run()` lets Alembic compare: its own, and row security."""

_SECURITY = (
    resources.files("fraiseql_strawberry.alembic").joinpath("security.sql").read_text("utf-8")
)


class _Security(NamedTuple):
    """What a table in the database has."""

    enabled: bool
    forced: bool
    admits: bool
    fences: bool


_NOTHING = _Security(enabled=False, forced=False, admits=False, fences=False)


def compare_row_security(
    context: AutogenContext, upgrade: UpgradeOps, schemas: set[str | None]
) -> PriorityDispatchResult:
    """Add what tenant tables of the metadata lack; a table is exempt with `info={"tenant": False}`.

    Args:
        context: Alembic's.
        upgrade: Where to add; tables that are to be created stand in it already.
        schemas: The schemas that are compared; None is the one that migrations work in.
    """
    roles = context.migration_context.opts.get(ROLES)
    connection = context.connection
    if connection is None or (roles is not None and roles.strategy != "row"):
        return PriorityDispatchResult.CONTINUE
    home: Any = connection.dialect.default_schema_name
    tables = [table for table in context.sorted_tables if _is_tenants(table)]
    named = [(None if table.schema == home else table.schema, table) for table in tables]
    chosen = [(schema, table) for schema, table in named if schema in schemas]
    names = [table.name for _, table in chosen]
    homes = [schema or home for schema, _ in chosen]
    rows = connection.exec_driver_sql(_SECURITY, (homes, names))
    found = {(row.schema, row.name): _Security(*row[2:]) for row in rows}
    for (schema, table), where in zip(chosen, homes, strict=True):
        if context.run_object_filters(table, table.name, "table", False, None):
            there = found.get((where, table.name), _NOTHING)
            upgrade.ops.extend(_lacking(table.name, schema, there))
    return PriorityDispatchResult.CONTINUE


def _lacking(table: str, schema: str | None, there: _Security) -> Iterable[TenantOperation]:
    if not (there.admits or there.fences):
        yield EnableTenantRls(table, schema)
        return
    if not (there.enabled and there.forced):
        yield EnableTenantRls(table, schema, policies=False)
    if not there.admits:
        yield CreateTenantPolicy(table, "tenant_access", schema)
    if not there.fences:
        yield CreateTenantPolicy(table, "tenant_fence", schema, permissive=False)


def _is_tenants(table: Table) -> bool:
    return TENANT_COLUMN in table.columns and table.info.get("tenant", True)


PLUGIN_OBJECT = Plugin(PLUGIN)
PLUGIN_OBJECT.add_autogenerate_comparator(
    compare_row_security, "schema", qualifier="postgresql", priority=DispatchPriority.LAST
)

"""Tables that Citus spreads over servers by tenant; without Citus, nothing happens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alembic.operations import Operations

from ...lifecycle.migrate.visit import Roles
from ...sql import golden
from ...sql.golden import qualified
from ..columns import TENANT_COLUMN
from .operation import TenantOperation, opposites

__all__ = ["DistributeTenantTable", "UndistributeTenantTable"]


@dataclass(frozen=True, slots=True)
class _Distribution(TenantOperation):
    table: str
    schema: str | None = None
    column: str = TENANT_COLUMN


@Operations.register_operation("distribute_tenant_table")
@dataclass(frozen=True, slots=True)
class DistributeTenantTable(_Distribution):
    """Distributes a table by tenant, where the database has Citus."""

    operation = "distribute_tenant_table"

    @classmethod
    def distribute_tenant_table(
        cls,
        operations: Operations,
        table: str,
        *,
        schema: str | None = None,
        column: str = TENANT_COLUMN,
    ) -> None:
        """Put each tenant's rows on one shard; on a database without Citus, do nothing.

        Args:
            operations: Alembic's; not given by the caller.
            table: The table. Those that its foreign keys lead to are distributed before it.
            schema: Its schema, if it is not the one that migrations work in.
            column: The column that says whose a row is; every key of the table has it.
        """
        operations.invoke(cls(table, schema, column))

    def statements(self, roles: Roles) -> Iterable[str]:
        """SELECT create_distributed_table(…)."""
        if roles.citus:
            yield golden.distribute_table(qualified(self.table, self.schema), self.column)


@Operations.register_operation("undistribute_tenant_table")
@dataclass(frozen=True, slots=True)
class UndistributeTenantTable(_Distribution):
    """Brings all rows of a table back to the coordinator."""

    operation = "undistribute_tenant_table"

    @classmethod
    def undistribute_tenant_table(
        cls,
        operations: Operations,
        table: str,
        *,
        schema: str | None = None,
        column: str = TENANT_COLUMN,
    ) -> None:
        """Bring all rows back to the coordinator; on a database without Citus, do nothing.

        Args:
            operations: Alembic's; not given by the caller.
            table: The table.
            schema: Its schema, if it is not the one that migrations work in.
            column: As it was distributed, so that the way back is known.
        """
        operations.invoke(cls(table, schema, column))

    def statements(self, roles: Roles) -> Iterable[str]:
        """SELECT undistribute_table(…)."""
        if roles.citus:
            yield golden.undistribute_table(qualified(self.table, self.schema))


opposites(DistributeTenantTable, UndistributeTenantTable)

"""The tenant column of a table that has none yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alembic.operations import Operations

from ...lifecycle.migrate.visit import Roles
from ...sql import golden
from ...sql.golden import identifier, qualified
from ..columns import TENANT_COLUMN
from .operation import TenantOperation, opposites

__all__ = ["AddTenantColumn", "DropTenantColumn"]


@dataclass(frozen=True, slots=True)
class _TenantColumn(TenantOperation):
    table: str
    schema: str | None = None
    column: str = TENANT_COLUMN
    existing: str | None = None


@Operations.register_operation("add_tenant_column")
@dataclass(frozen=True, slots=True)
class AddTenantColumn(_TenantColumn):
    """Adds the column that says whose a row is."""

    operation = "add_tenant_column"

    @classmethod
    def add_tenant_column(
        cls,
        operations: Operations,
        table: str,
        *,
        schema: str | None = None,
        column: str = TENANT_COLUMN,
        existing: str | None = None,
    ) -> None:
        """Add the column: not null, and the transaction's tenant by default.

        Args:
            operations: Alembic's; not given by the caller.
            table: The table.
            schema: Its schema, if it is not the one that migrations work in.
            column: What it is called.
            existing: The tenant that the rows belong to which are there; without one the table
                must be empty. No row is rewritten.
        """
        operations.invoke(cls(table, schema, column, None if existing is None else str(existing)))

    def statements(self, roles: Roles) -> Iterable[str]:
        """ADD COLUMN with the tenant of the rows that are there; then the default of new ones."""
        table, column = qualified(self.table, self.schema), identifier(self.column)
        add = f"ALTER TABLE {table} ADD COLUMN {column} {roles.id_type} NOT NULL"
        if self.existing is None:
            yield f"{add} DEFAULT {golden.HELPER}"
            return
        yield f"{add} DEFAULT {golden.literal(self.existing)}"
        yield f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {golden.HELPER}"


@Operations.register_operation("drop_tenant_column")
@dataclass(frozen=True, slots=True)
class DropTenantColumn(_TenantColumn):
    """Drops the column that says whose a row is."""

    operation = "drop_tenant_column"

    @classmethod
    def drop_tenant_column(
        cls,
        operations: Operations,
        table: str,
        *,
        schema: str | None = None,
        column: str = TENANT_COLUMN,
        existing: str | None = None,
    ) -> None:
        """Drop the column, with the keys and indexes that hold it.

        Args:
            operations: Alembic's; not given by the caller.
            table: The table.
            schema: Its schema, if it is not the one that migrations work in.
            column: What it is called.
            existing: As it was added, so that the way back is known.
        """
        operations.invoke(cls(table, schema, column, existing))

    def statements(self, roles: Roles) -> Iterable[str]:
        """DROP COLUMN."""
        table = qualified(self.table, self.schema)
        yield f"ALTER TABLE {table} DROP COLUMN {identifier(self.column)}"


opposites(AddTenantColumn, DropTenantColumn)

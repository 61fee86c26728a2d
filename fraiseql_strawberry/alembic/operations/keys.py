"""Keys that begin with the tenant, so that no reference can point at another tenant's row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from alembic.operations import Operations
from alembic.operations.ops import CreateForeignKeyOp

from ...lifecycle.migrate.visit import Roles
from ...sql.golden import identifier, qualified
from ..columns import TENANT_COLUMN
from .operation import TenantOperation, opposites

__all__ = ["CreateTenantPrimaryKey", "DropTenantPrimaryKey", "TenantForeignKey"]


@dataclass(frozen=True, slots=True)
class _PrimaryKey(TenantOperation):
    table: str
    columns: tuple[str, ...] = ("id",)
    schema: str | None = None
    column: str = TENANT_COLUMN
    name: str | None = None


@Operations.register_operation("create_tenant_primary_key")
@dataclass(frozen=True, slots=True)
class CreateTenantPrimaryKey(_PrimaryKey):
    """Puts the tenant in front of a table's primary key."""

    operation = "create_tenant_primary_key"

    @classmethod
    def create_tenant_primary_key(
        cls,
        operations: Operations,
        table: str,
        columns: Sequence[str] = ("id",),
        *,
        schema: str | None = None,
        column: str = TENANT_COLUMN,
        name: str | None = None,
    ) -> None:
        """Replace the primary key (id) by (tenant_id, id).

        Args:
            operations: Alembic's; not given by the caller.
            table: The table. Foreign keys that refer to the old key are to be dropped before.
            columns: The columns of the key as it is.
            schema: The table's schema, if it is not the one that migrations work in.
            column: The column that says whose a row is.
            name: The constraint's name; by default the table's with _pkey.
        """
        operations.invoke(cls(table, tuple(columns), schema, column, name))

    def statements(self, roles: Roles) -> Iterable[str]:
        """One ALTER TABLE."""
        yield _replaced(self.table, self.schema, self.name, (self.column, *self.columns))


@Operations.register_operation("drop_tenant_primary_key")
@dataclass(frozen=True, slots=True)
class DropTenantPrimaryKey(_PrimaryKey):
    """Takes the tenant out of a table's primary key."""

    operation = "drop_tenant_primary_key"

    @classmethod
    def drop_tenant_primary_key(
        cls,
        operations: Operations,
        table: str,
        columns: Sequence[str] = ("id",),
        *,
        schema: str | None = None,
        column: str = TENANT_COLUMN,
        name: str | None = None,
    ) -> None:
        """Replace the primary key (tenant_id, id) by (id); ids must be unique over all tenants.

        Args:
            operations: Alembic's; not given by the caller.
            table: The table.
            columns: The columns of the key without the tenant.
            schema: The table's schema, if it is not the one that migrations work in.
            column: The column that says whose a row is.
            name: The constraint's name; by default the table's with _pkey.
        """
        operations.invoke(cls(table, tuple(columns), schema, column, name))

    def statements(self, roles: Roles) -> Iterable[str]:
        """One ALTER TABLE."""
        yield _replaced(self.table, self.schema, self.name, self.columns)


opposites(CreateTenantPrimaryKey, DropTenantPrimaryKey)


def _replaced(table: str, schema: str | None, name: str | None, columns: Sequence[str]) -> str:
    key = identifier(name or f"{table}_pkey")
    listed = ", ".join(map(identifier, columns))
    return (
        f"ALTER TABLE {qualified(table, schema)} DROP CONSTRAINT {key}, "
        f"ADD CONSTRAINT {key} PRIMARY KEY ({listed})"
    )


@Operations.register_operation("create_tenant_foreign_key")
class TenantForeignKey(CreateForeignKeyOp):
    """Alembic's own foreign key, with the tenant in front on both sides."""

    @classmethod
    def create_tenant_foreign_key(
        cls,
        operations: Operations,
        name: str | None,
        source_table: str,
        referent_table: str,
        local_cols: Sequence[str],
        remote_cols: Sequence[str] = ("id",),
        *,
        column: str = TENANT_COLUMN,
        ondelete: str | None = None,
        **options: Any,
    ) -> None:
        """Refer to a row of the same tenant; `op.drop_constraint` is the way back.

        Args:
            operations: Alembic's; not given by the caller.
            name: The constraint's name.
            source_table: The table that refers.
            referent_table: The table that is referred to.
            local_cols: The columns that refer, without the tenant.
            remote_cols: The columns that are referred to, without the tenant.
            column: The column that says whose a row is.
            ondelete: As SQL has it. "SET NULL" leaves the tenant as it is.
            **options: Further options of `op.create_foreign_key`.
        """
        if ondelete is not None and ondelete.upper() in ("SET NULL", "SET DEFAULT"):
            # A row without a tenant would be nobody's (PostgreSQL 15: only these columns).
            ondelete = f"{ondelete} ({', '.join(map(identifier, local_cols))})"
        operations.create_foreign_key(
            name,
            source_table,
            referent_table,
            [column, *local_cols],
            [column, *remote_cols],
            ondelete=ondelete,
            **options,
        )

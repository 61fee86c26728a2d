"""Row security and the policies of a table of tenants' rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alembic.operations import Operations

from ...lifecycle.migrate.visit import Roles
from ...sql import golden
from ...sql.golden import Command, qualified
from ..columns import TENANT_COLUMN
from .operation import TenantOperation, opposites

__all__ = ["CreateTenantPolicy", "DisableTenantRls", "DropTenantPolicy", "EnableTenantRls"]


@dataclass(frozen=True, slots=True)
class _RowSecurity(TenantOperation):
    table: str
    schema: str | None = None
    column: str = TENANT_COLUMN
    inlined: bool | None = None
    policies: bool = True


@Operations.register_operation("enable_tenant_rls")
@dataclass(frozen=True, slots=True)
class EnableTenantRls(_RowSecurity):
    """ENABLE and FORCE row security, and the two policies."""

    operation = "enable_tenant_rls"

    @classmethod
    def enable_tenant_rls(
        cls,
        operations: Operations,
        table: str,
        *,
        schema: str | None = None,
        column: str = TENANT_COLUMN,
        inlined: bool | None = None,
        policies: bool = True,
    ) -> None:
        """Show and take only the rows of the transaction's tenant.

        Args:
            operations: Alembic's; not given by the caller.
            table: The table.
            schema: Its schema, if it is not the one that migrations work in.
            column: The column that says whose a row is.
            inlined: Call the helper for each row, as distributed tables of Citus need it; by
                default where the database has Citus.
            policies: Make the two policies too; without any, nobody sees a row.
        """
        operations.invoke(cls(table, schema, column, inlined, policies))

    def statements(self, roles: Roles) -> Iterable[str]:
        """ALTER TABLE twice, CREATE POLICY twice."""
        table = qualified(self.table, self.schema)
        yield from golden.enable_row_security(table)
        for name, permissive in golden.POLICIES.items() if self.policies else ():
            yield golden.create_policy(
                table,
                name,
                permissive=permissive,
                column=self.column,
                inlined=roles.citus if self.inlined is None else self.inlined,
            )


@Operations.register_operation("disable_tenant_rls")
@dataclass(frozen=True, slots=True)
class DisableTenantRls(_RowSecurity):
    """Takes policies and row security away: everybody who may read the table reads all rows."""

    operation = "disable_tenant_rls"

    @classmethod
    def disable_tenant_rls(
        cls,
        operations: Operations,
        table: str,
        *,
        schema: str | None = None,
        column: str = TENANT_COLUMN,
        inlined: bool | None = None,
        policies: bool = True,
    ) -> None:
        """Take away what `enable_tenant_rls` made.

        Args:
            operations: Alembic's; not given by the caller.
            table: The table.
            schema: Its schema, if it is not the one that migrations work in.
            column: As it was enabled, so that the way back is known.
            inlined: As it was enabled.
            policies: As it was enabled.
        """
        operations.invoke(cls(table, schema, column, inlined, policies))

    def statements(self, roles: Roles) -> Iterable[str]:
        """DROP POLICY twice, ALTER TABLE twice."""
        table = qualified(self.table, self.schema)
        for name in golden.POLICIES if self.policies else ():
            yield golden.drop_policy(table, name)
        yield from golden.disable_row_security(table)


opposites(EnableTenantRls, DisableTenantRls)


@dataclass(frozen=True, slots=True)
class _Policy(TenantOperation):
    table: str
    name: str = "tenant_access"
    schema: str | None = None
    permissive: bool = True
    command: Command = "ALL"
    column: str = TENANT_COLUMN
    inlined: bool | None = None


@Operations.register_operation("create_tenant_policy")
@dataclass(frozen=True, slots=True)
class CreateTenantPolicy(_Policy):
    """One policy that is bound to the tenant."""

    operation = "create_tenant_policy"

    @classmethod
    def create_tenant_policy(
        cls,
        operations: Operations,
        table: str,
        name: str = "tenant_access",
        *,
        schema: str | None = None,
        permissive: bool = True,
        command: Command = "ALL",
        column: str = TENANT_COLUMN,
        inlined: bool | None = None,
    ) -> None:
        """Make one policy.

        Args:
            operations: Alembic's; not given by the caller.
            table: The table.
            name: The policy's name.
            schema: The table's schema, if it is not the one that migrations work in.
            permissive: Whether it admits rows; else it takes away from what others admit.
            command: "ALL", "SELECT", "INSERT", "UPDATE" or "DELETE".
            column: The column that says whose a row is.
            inlined: Call the helper for each row, as distributed tables of Citus need it; by
                default where the database has Citus.
        """
        if command not in golden.COMMANDS:
            raise ValueError(f"command must be one of {', '.join(golden.COMMANDS)}")
        operations.invoke(cls(table, name, schema, permissive, command, column, inlined))

    def statements(self, roles: Roles) -> Iterable[str]:
        """CREATE POLICY."""
        yield golden.create_policy(
            qualified(self.table, self.schema),
            self.name,
            permissive=self.permissive,
            command=self.command,
            column=self.column,
            inlined=roles.citus if self.inlined is None else self.inlined,
        )


@Operations.register_operation("drop_tenant_policy")
@dataclass(frozen=True, slots=True)
class DropTenantPolicy(_Policy):
    """Drops one policy."""

    operation = "drop_tenant_policy"

    @classmethod
    def drop_tenant_policy(
        cls,
        operations: Operations,
        table: str,
        name: str = "tenant_access",
        *,
        schema: str | None = None,
        permissive: bool = True,
        command: Command = "ALL",
        column: str = TENANT_COLUMN,
        inlined: bool | None = None,
    ) -> None:
        """Drop one policy; the other arguments say what it was, so that the way back is known.

        Args:
            operations: Alembic's; not given by the caller.
            table: The table.
            name: The policy's name.
            schema: The table's schema, if it is not the one that migrations work in.
            permissive: As it was made.
            command: As it was made.
            column: As it was made.
            inlined: As it was made.
        """
        operations.invoke(cls(table, name, schema, permissive, command, column, inlined))

    def statements(self, roles: Roles) -> Iterable[str]:
        """DROP POLICY."""
        yield golden.drop_policy(qualified(self.table, self.schema), self.name)


opposites(CreateTenantPolicy, DropTenantPolicy)

"""The function that policies and defaults call: the tenant of the transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alembic.operations import Operations

from ...config import SEALED
from ...lifecycle.migrate.visit import Roles
from ...sql import golden, sealed
from .operation import TenantOperation, opposites

__all__ = ["CreateTenantHelper", "DropTenantHelper"]


@Operations.register_operation("create_tenant_helper")
@dataclass(frozen=True, slots=True)
class CreateTenantHelper(TenantOperation):
    """Makes `fraiseql.current_tenant_id()`, which the service's role may call."""

    operation = "create_tenant_helper"

    @classmethod
    def create_tenant_helper(cls, operations: Operations) -> None:
        """Make the function; the type of ids and the setting are the configuration's."""
        operations.invoke(cls())

    def statements(self, roles: Roles) -> Iterable[str]:
        """CREATE FUNCTION, GRANT and ALTER … OWNER; where tenants are sealed, for its keys too.

        On Citus the function is made on the workers too.
        """
        if roles.setting == SEALED:
            yield from sealed.create_seal_keys()
            if roles.owner is not None:
                yield golden.hand_over("TABLE", sealed.SEAL_KEYS, roles.owner)
            yield sealed.create_sealed_helper(roles.id_type)
        else:
            yield golden.create_helper(roles.setting, roles.id_type)
            if roles.citus:
                yield golden.distribute_function()
        yield f"REVOKE EXECUTE ON FUNCTION {golden.HELPER} FROM PUBLIC"
        if roles.application is not None:
            yield golden.grant_access("FUNCTION", golden.HELPER, roles.application)
        if roles.owner is not None:
            yield golden.hand_over("FUNCTION", golden.HELPER, roles.owner)


@Operations.register_operation("drop_tenant_helper")
@dataclass(frozen=True, slots=True)
class DropTenantHelper(TenantOperation):
    """Drops the function; nothing may use it any more."""

    operation = "drop_tenant_helper"

    @classmethod
    def drop_tenant_helper(cls, operations: Operations) -> None:
        """Drop the function."""
        operations.invoke(cls())

    def statements(self, roles: Roles) -> Iterable[str]:
        """DROP FUNCTION; where tenants are sealed, its keys go with it."""
        yield f"DROP FUNCTION {golden.HELPER}"
        if roles.setting == SEALED:
            yield sealed.drop_seal_keys()


opposites(CreateTenantHelper, DropTenantHelper)

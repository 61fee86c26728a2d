"""What the service's role may do, and who owns what a migration made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

from alembic.operations import Operations

from ...lifecycle.migrate.visit import Roles
from ...sql import golden
from ...sql.golden import Kind, qualified
from .operation import TenantOperation, opposites, required_role

__all__ = ["GrantTenantAccess", "HandOver", "RevokeTenantAccess", "TakeBack"]

Named = Literal["table", "view", "materialized view", "sequence", "function", "type", "schema"]


def _kind(kind: Named) -> Kind:
    return cast(Kind, kind.upper())


def _object(name: str, kind: Named, schema: str | None) -> str:
    """The object as SQL reads it; a function stands as it is, with its types."""
    if kind == "function":
        return f"{golden.identifier(schema)}.{name}" if schema else name
    return qualified(name, schema)


@dataclass(frozen=True, slots=True)
class _Access(TenantOperation):
    name: str
    kind: Named = "table"
    schema: str | None = None
    to: str | None = None


@Operations.register_operation("grant_tenant_access")
@dataclass(frozen=True, slots=True)
class GrantTenantAccess(_Access):
    """Grants what the service needs of an object, and no more."""

    operation = "grant_tenant_access"

    @classmethod
    def grant_tenant_access(
        cls,
        operations: Operations,
        name: str,
        kind: Named = "table",
        *,
        schema: str | None = None,
        to: str | None = None,
    ) -> None:
        """Let the service use an object: a table is read and written, a view is read.

        Args:
            operations: Alembic's; not given by the caller.
            name: The object; a function with its argument types.
            kind: "table", "view", "sequence", "function", "type" or "schema".
            schema: Its schema, if it is not the one that migrations work in.
            to: The role; by default the one of `[database] url`.
        """
        operations.invoke(cls(name, kind, schema, to))

    def statements(self, roles: Roles) -> Iterable[str]:
        """GRANT."""
        role = required_role(self.to, roles.application, key="[database] url", argument="to")
        yield golden.grant_access(
            _kind(self.kind), _object(self.name, self.kind, self.schema), role
        )


@Operations.register_operation("revoke_tenant_access")
@dataclass(frozen=True, slots=True)
class RevokeTenantAccess(_Access):
    """Takes from the service what `grant_tenant_access` gave."""

    operation = "revoke_tenant_access"

    @classmethod
    def revoke_tenant_access(
        cls,
        operations: Operations,
        name: str,
        kind: Named = "table",
        *,
        schema: str | None = None,
        to: str | None = None,
    ) -> None:
        """Take away what `grant_tenant_access` gave.

        Args:
            operations: Alembic's; not given by the caller.
            name: The object.
            kind: As it was granted.
            schema: Its schema, if it is not the one that migrations work in.
            to: The role; by default the one of `[database] url`.
        """
        operations.invoke(cls(name, kind, schema, to))

    def statements(self, roles: Roles) -> Iterable[str]:
        """REVOKE."""
        role = required_role(self.to, roles.application, key="[database] url", argument="to")
        yield golden.revoke_access(
            _kind(self.kind), _object(self.name, self.kind, self.schema), role
        )


@Operations.register_operation("hand_over")
@dataclass(frozen=True, slots=True)
class HandOver(_Access):
    """Gives an object to a role that never logs in."""

    operation = "hand_over"

    @classmethod
    def hand_over(
        cls,
        operations: Operations,
        name: str,
        kind: Named = "table",
        *,
        schema: str | None = None,
        to: str | None = None,
    ) -> None:
        """Give an object to the owner of all of them; the migrator is a member of that role.

        Args:
            operations: Alembic's; not given by the caller.
            name: The object; a function with its argument types.
            kind: "table", "view", "materialized view", "sequence", "function", "type" or "schema".
            schema: Its schema, if it is not the one that migrations work in.
            to: The role; by default `[migrations] owner`.
        """
        operations.invoke(cls(name, kind, schema, to))

    def statements(self, roles: Roles) -> Iterable[str]:
        """ALTER … OWNER TO."""
        role = required_role(self.to, roles.owner, key="[migrations] owner", argument="to")
        yield golden.hand_over(_kind(self.kind), _object(self.name, self.kind, self.schema), role)


@Operations.register_operation("take_back")
@dataclass(frozen=True, slots=True)
class TakeBack(_Access):
    """Makes an object the migrator's own again."""

    operation = "take_back"

    @classmethod
    def take_back(
        cls,
        operations: Operations,
        name: str,
        kind: Named = "table",
        *,
        schema: str | None = None,
        to: str | None = None,
    ) -> None:
        """Make an object the migrator's own again.

        Args:
            operations: Alembic's; not given by the caller.
            name: The object.
            kind: As it was handed over.
            schema: Its schema, if it is not the one that migrations work in.
            to: As it was handed over, so that the way back is known.
        """
        operations.invoke(cls(name, kind, schema, to))

    def statements(self, roles: Roles) -> Iterable[str]:
        """ALTER … OWNER TO CURRENT_USER."""
        yield golden.hand_over(
            _kind(self.kind), _object(self.name, self.kind, self.schema), "CURRENT_USER"
        )


opposites(GrantTenantAccess, RevokeTenantAccess)
opposites(HandOver, TakeBack)

"""What our operations share: they are values, say SQL, and are written into revisions by name."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations
from sqlalchemy import DDL

from ...errors import SetupError
from ...lifecycle.migrate.visit import ROLES, Roles

__all__ = ["TenantOperation", "opposites", "required_role"]

_NO_ROLES = Roles(owner=None, application=None, id_type="uuid", setting="app.tenant_id")


class TenantOperation(MigrateOperation):
    """An operation that is a frozen dataclass; its fields are its arguments."""

    operation: ClassVar[str]
    """What it is called in `alembic.op`."""

    opposite: ClassVar[type[TenantOperation]]
    """What takes it back, with the same arguments."""

    def reverse(self) -> TenantOperation:
        """The way back."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return self.opposite(**{field.name: getattr(self, field.name) for field in fields})

    @abstractmethod
    def statements(self, roles: Roles) -> Iterable[str]:
        """The SQL, one statement each.

        Args:
            roles: What the deployment's configuration says.
        """

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """What `alembic check` shows."""
        return (self.operation, *self.arguments().values())

    def arguments(self) -> dict[str, Any]:
        """The arguments that differ from their defaults, by name."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return {
            field.name: value
            for field in fields
            if (value := getattr(self, field.name)) != field.default
        }


def opposites(one: type[TenantOperation], other: type[TenantOperation]) -> None:
    """Two operations with the same arguments are each other's way back."""
    one.opposite, other.opposite = other, one


def required_role(given: str | None, known: str | None, *, key: str, argument: str) -> str:
    """The role that an operation names, or else the configuration.

    Raises:
        SetupError: Neither does.
    """
    role = given or known
    if role is None:
        raise SetupError(f"say {argument}=, or set {key} in fraiseql.toml")
    return role


@Operations.implementation_for(TenantOperation)
def _run(operations: Operations, operation: TenantOperation) -> None:
    roles = operations.migration_context.opts.get(ROLES, _NO_ROLES)
    for statement in operation.statements(roles):
        # DDL() reads % as a placeholder, text() would read a colon as one.
        operations.execute(DDL(statement.replace("%", "%%")))


@renderers.dispatch_for(TenantOperation)
def _render(autogen_context: AutogenContext, operation: TenantOperation) -> str:
    prefix = autogen_context.opts.get("alembic_module_prefix") or ""
    first = dataclasses.fields(operation)[0].name if operation.arguments() else None  # type: ignore[arg-type]
    arguments = ", ".join(
        repr(value) if name == first else f"{name}={value!r}"
        for name, value in operation.arguments().items()
    )
    return f"{prefix}{operation.operation}({arguments})"

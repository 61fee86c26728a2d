"""Views that read their tables as whoever asks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alembic.operations import Operations

from ...errors import SetupError
from ...lifecycle.migrate.visit import Roles
from ...sql import golden
from ...sql.golden import qualified
from .operation import TenantOperation

__all__ = ["CreateTenantView", "DropTenantView"]


@Operations.register_operation("create_tenant_view")
@dataclass(frozen=True, slots=True)
class CreateTenantView(TenantOperation):
    """Makes a view with `security_invoker`, or replaces one."""

    operation = "create_tenant_view"

    name: str
    query: str
    schema: str | None = None
    replace: bool = False
    replaced: str | None = None

    @classmethod
    def create_tenant_view(
        cls,
        operations: Operations,
        name: str,
        query: str,
        *,
        schema: str | None = None,
        replace: bool = False,
        replaced: str | None = None,
    ) -> None:
        """Make a view.

        Args:
            operations: Alembic's; not given by the caller.
            name: The view.
            query: Its SELECT.
            schema: Its schema, if it is not the one that migrations work in.
            replace: There may be one already, whose columns this one begins with.
            replaced: The SELECT of that one, so that the way back is known.
        """
        operations.invoke(cls(name, query, schema, replace, replaced))

    def reverse(self) -> CreateTenantView | DropTenantView:
        """The view that was replaced, where that is known; else none."""
        if self.replaced is not None:
            return CreateTenantView(self.name, self.replaced, self.schema, True, self.query)
        return DropTenantView(self.name, self.query, self.schema)

    def statements(self, roles: Roles) -> Iterable[str]:
        """CREATE VIEW."""
        yield golden.create_view(
            qualified(self.name, self.schema), self.query, replace=self.replace
        )


@Operations.register_operation("drop_tenant_view")
@dataclass(frozen=True, slots=True)
class DropTenantView(TenantOperation):
    """Drops a view."""

    operation = "drop_tenant_view"

    name: str
    query: str | None = None
    schema: str | None = None

    @classmethod
    def drop_tenant_view(
        cls,
        operations: Operations,
        name: str,
        query: str | None = None,
        *,
        schema: str | None = None,
    ) -> None:
        """Drop a view.

        Args:
            operations: Alembic's; not given by the caller.
            name: The view.
            query: Its SELECT, so that the way back is known.
            schema: Its schema, if it is not the one that migrations work in.
        """
        operations.invoke(cls(name, query, schema))

    def reverse(self) -> CreateTenantView:
        """Make it again.

        Raises:
            SetupError: Its SELECT was not given.
        """
        if self.query is None:
            raise SetupError(f"drop_tenant_view({self.name!r}) has no way back without its query")
        return CreateTenantView(self.name, self.query, self.schema)

    def statements(self, roles: Roles) -> Iterable[str]:
        """DROP VIEW."""
        yield f"DROP VIEW {qualified(self.name, self.schema)}"

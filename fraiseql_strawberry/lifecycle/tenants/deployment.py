"""What everything that is done with tenants works on."""

from __future__ import annotations

import asyncio

from ...errors import BadUserInput, SetupError
from ...runtime import Runtime
from ...tenant import canonical_tenant_id
from ..migrations import Migrations
from ..parts import LifecycleParts
from ..records import TenantRecord

__all__ = ["Deployment"]

_TABLE = "fraiseql.tenants"


class Deployment:
    """The parts of one deployment's lifecycle.

    Args:
        runtime: The deployment.
        migrations: What makes a tenant's tables, if not what the configuration names.
    """

    def __init__(self, runtime: Runtime, *, migrations: Migrations | None = None) -> None:
        self._runtime = runtime
        self._background: set[asyncio.Task[None]] = set()
        self.parts = LifecycleParts(runtime, migrations)

    async def close(self) -> None:
        """Close the administrator's connections."""
        for task in tuple(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.parts.close()

    async def get(self, tenant_id: str) -> TenantRecord:
        """The record of a tenant.

        Raises:
            TenantNotFound: There is none.
        """
        async with self.parts.administrator.transaction() as transaction:
            return await self.parts.records.get(transaction.driver, self._canonical(tenant_id))

    def _refuse_unread_statuses(self) -> None:
        """A status that no request asks for refuses nobody."""
        multitenancy = self.parts.config.multitenancy
        if multitenancy.strategy != "database" and multitenancy.tenants_table != _TABLE:
            raise SetupError(
                f"the service would not notice: set [multitenancy] tenants_table = {_TABLE!r}"
            )

    def _canonical(self, tenant_id: object) -> str:
        id_type = self.parts.config.multitenancy.id_type
        canonical = canonical_tenant_id(tenant_id, id_type)
        if canonical is None:
            raise BadUserInput(f"{tenant_id!r} is no tenant id: id_type is {id_type!r}")
        return canonical

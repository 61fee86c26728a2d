"""Whether a tenant is served: suspended, resumed, archived; refused at once, everywhere."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection

from ..errors import TenantConflict
from ..tenant import TenantStatus
from .administrator import Administrator
from .places import Places
from .queries import named_queries
from .records import Records, TenantRecord

__all__ = ["Standing"]

_log = logging.getLogger("fraiseql_strawberry")
_QUERIES = named_queries("standing")

_PATIENCE = 20.0
_POLL = 0.05


class Standing:
    """Changes the status of tenants that are there.

    Args:
        administrator: Connects to the control database.
        records: The tenants.
        places: The strategy, whose requests may go by something of their own.
        changed: Is called with the id of a tenant once its new status is committed, so that this
            process refuses it at once.
    """

    def __init__(
        self,
        administrator: Administrator,
        records: Records,
        places: Places,
        changed: Callable[[str], object],
    ) -> None:
        self._administrator = administrator
        self._records = records
        self._places = places
        self._changed = changed

    async def change(
        self, tenant_id: str, status: TenantStatus, *, allowed: Collection[TenantStatus]
    ) -> TenantRecord:
        """Write another status down; nothing happens where it is that already.

        Args:
            tenant_id: The canonical id.
            status: The new status.
            allowed: The statuses that it may have before.

        Returns:
            The record with the new status. Every process hears of it, by NOTIFY.

        Raises:
            TenantNotFound: There is no such tenant.
            TenantConflict: It has a status that does not allow this, or is being moved.
        """
        async with self._administrator.transaction(lock=f"tenant:{tenant_id}") as transaction:
            driver = transaction.driver
            record = await self._records.get(driver, tenant_id, lock=True)
            if "moving" in record.placement:
                raise TenantConflict(
                    f"The tenant {tenant_id} is being moved",
                    hint="finish it with `tenants move`, or name the server that it comes from",
                )
            if record.status is status:
                return record
            if record.status not in allowed:
                raise TenantConflict(f"The tenant {tenant_id} is {record.status}")
            record = await self._records.set_status(driver, tenant_id, status)
            await self._places.settle(driver, record)
        self._changed(tenant_id)
        return record

    async def quiesce(self, record: TenantRecord, *, patience: float = _PATIENCE) -> None:
        """Wait until every transaction has ended that began writing before this moment.

        A request that was admitted before its tenant was suspended may still commit. Transactions
        are numbered for all databases of a server together.

        Args:
            record: The tenant, whose rows are counted or removed next.
            patience: Seconds after which a transaction that lasts is waited for no longer.
        """
        deadline = time.monotonic() + patience
        async with self._places.server(record).connect() as driver:
            now = await driver.fetchval(_QUERIES["now"])
            while time.monotonic() < deadline:
                if await driver.fetchval(_QUERIES["is_past"], now):
                    return
                await asyncio.sleep(_POLL)
        _log.warning(
            "tenant %s: a transaction has been writing for more than %g s; not waited for",
            record.id,
            patience,
        )

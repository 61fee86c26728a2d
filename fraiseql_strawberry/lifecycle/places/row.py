"""Rows in shared tables: a tenant's place is there before the tenant is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from typing import Any

import asyncpg

from ...errors import SetupError, TenantConflict
from ...tenant import TenantStatus
from ..administrator import Administrator, AdminTransaction, Driver
from ..queries import named_queries
from ..records import Records, TenantRecord
from ..residue import named_for
from ..tables import TenantTable, is_empty, read_tables
from ..template import TemplateReport

__all__ = ["RowPlaces"]

_QUERIES = named_queries("places")

# One statement for a tenant of a gigabyte would hold its locks, and its queue of foreign keys to
# check, for minutes.
_BATCH = 20_000


class RowPlaces:
    """The places of tenants that share tables.

    Args:
        administrator: Connects to the one database.
        records: The tenants.
        setting: The PostgreSQL setting that policies read.
        service: The role that the service connects as, if it is known.
        seal: What the setting holds of a tenant, where policies believe it only under a seal.
    """

    name = "row"

    def __init__(
        self,
        administrator: Administrator,
        records: Records,
        *,
        setting: str,
        service: str | None,
        seal: Callable[[str], str] | None = None,
    ) -> None:
        self._administrator = administrator
        self._records = records
        self._setting = setting
        self._value: Callable[[str], str] = seal or str
        self._service = service

    def placement(self, tenant_id: str) -> Mapping[str, Any]:
        """Nothing (see `Places.placement`)."""
        return {}

    async def refuse_taken(self, driver: Driver, record: TenantRecord) -> None:
        """Rows may be there before the record (see `Places.refuse_taken`)."""

    async def make(self, record: TenantRecord) -> TenantRecord:
        """There is nothing to make (see `Places.make`)."""
        async with self._administrator.transaction(lock=f"tenant:{record.id}") as transaction:
            record = await self._records.get(transaction.driver, record.id, lock=True)
            if record.status is not TenantStatus.PROVISIONING:
                return record
            status = TenantStatus.MIGRATING
            return await self._records.set_status(transaction.driver, record.id, status)

    async def renew_template(self) -> TemplateReport:
        """Tenants are not copied from anything (see `Places.renew_template`)."""
        raise SetupError("tenants that share tables are not copied from a template")

    async def refill(self, wanted: int) -> int:
        """There is nothing to keep ready (see `Places.refill`)."""
        return 0

    @asynccontextmanager
    async def inside(
        self, record: TenantRecord, *, snapshot: bool = False
    ) -> AsyncGenerator[AdminTransaction]:
        """The one database (see `Places.inside`)."""
        async with self._administrator.transaction(snapshot=snapshot) as transaction:
            yield transaction

    @asynccontextmanager
    async def within(
        self, control: AdminTransaction, record: TenantRecord
    ) -> AsyncGenerator[AdminTransaction]:
        """The control transaction itself (see `Places.within`)."""
        yield control

    async def is_filled(self, transaction: AdminTransaction, record: TenantRecord) -> bool:
        """Rows and status are one transaction (see `Places.is_filled`)."""
        return False

    async def mark_filled(self, transaction: AdminTransaction, record: TenantRecord) -> None:
        """There is nothing to mark (see `Places.mark_filled`)."""

    async def become(self, transaction: AdminTransaction, record: TenantRecord) -> None:
        """The service's role and path, and the tenant (see `Places.become`)."""
        driver = transaction.driver
        await driver.execute(_QUERIES["become"], None, self._service or "")
        await driver.execute(_QUERIES["set_tenant"], self._setting, self._value(record.id))
        if self._service is not None:
            await driver.execute(_QUERIES["take_role"], self._service)

    async def tables(self, driver: Driver, record: TenantRecord) -> Sequence[TenantTable]:
        """Every table with a tenant column (see `Places.tables`)."""
        return await read_tables(driver, shared=True)

    async def revision(self, record: TenantRecord) -> str | None:
        """Shared tables have no revision of a tenant's (see `Places.revision`)."""
        return None

    def owner(self, record: TenantRecord) -> str | None:
        """The tenant's id (see `Places.owner`)."""
        return record.id

    async def settle(self, driver: Driver, record: TenantRecord) -> None:
        """The record is what requests go by (see `Places.settle`)."""

    def server(self, record: TenantRecord) -> Administrator:
        """The one server (see `Places.server`)."""
        return self._administrator

    async def remove(self, record: TenantRecord) -> None:
        """Children before what they refer to, in batches (see `Places.remove`)."""
        async with self.inside(record) as transaction:
            tables = [*await self.tables(transaction.driver, record)]
        for in_circle, group in groupby(reversed(tables), key=lambda table: table.in_circle):
            if in_circle:
                await self._delete_circle(record, group)
            else:
                for table in group:
                    await self._empty(record, table)

    async def forget(self, driver: Driver, record: TenantRecord) -> None:
        """The record was what requests went by (see `Places.forget`)."""

    async def exists(self, record: TenantRecord) -> bool:
        """The tables are there (see `Places.exists`)."""
        return True

    async def remains(self, record: TenantRecord) -> Sequence[str]:
        """Tables with rows of the tenant (see `Places.remains`)."""
        async with self.inside(record) as transaction:
            driver = transaction.driver
            return [
                table.title
                for table in await self.tables(driver, record)
                if not await is_empty(driver, table, record.id)
            ]

    async def residue(self, record: TenantRecord) -> Mapping[str, int | None]:
        """Rows in any table with a column that names tenants (see `Places.residue`)."""
        async with self.inside(record) as transaction:
            return await named_for(transaction.driver, record.id)

    async def _delete_circle(self, record: TenantRecord, circle: Iterable[TenantTable]) -> None:
        async with self.inside(record) as transaction:
            await transaction.driver.execute(_QUERIES["defer"])
            try:
                for table in circle:
                    await self._delete_all(transaction.driver, record, table)
            except asyncpg.ForeignKeyViolationError as error:
                raise TenantConflict(
                    f"tables refer to each other in a circle, none can be emptied first: {error}; "
                    "ALTER TABLE … ALTER CONSTRAINT … DEFERRABLE mends it"
                ) from error

    async def _empty(self, record: TenantRecord, table: TenantTable) -> None:
        if table.partitioned or table.refers_to_itself:
            async with self.inside(record) as transaction:
                await self._delete_all(transaction.driver, record, table)
            return
        sql = _QUERIES["delete_some"].format(
            table=table.sql_name, condition=table.condition(record.id)
        )
        deleted = _BATCH
        while deleted == _BATCH:
            async with self.inside(record) as transaction:
                deleted = _count(await transaction.driver.execute(sql, _BATCH))

    async def _delete_all(self, driver: Driver, record: TenantRecord, table: TenantTable) -> None:
        condition = table.condition(record.id)
        await driver.execute(
            _QUERIES["delete_all"].format(table=table.sql_name, condition=condition)
        )


def _count(tag: str) -> int:
    return int(tag.rpartition(" ")[2])

"""What the lifecycle asks of a strategy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from ..administrator import Administrator, AdminTransaction, Driver
from ..records import TenantRecord
from ..tables import TenantTable
from ..template import TemplateReport

__all__ = ["Places"]


class Places(Protocol):
    """Makes, opens and removes the places of tenants under one strategy.

    Each method may be cut short at any moment, and be called again.
    """

    name: str

    def placement(self, tenant_id: str) -> Mapping[str, Any]:
        """What the record of a new tenant says of its place."""
        ...

    async def refuse_taken(self, driver: Driver, record: TenantRecord) -> None:
        """Refuse a place that is there before its tenant is.

        Raises:
            TenantConflict: It is.
        """
        ...

    async def make(self, record: TenantRecord) -> TenantRecord:
        """Make sure that the place exists, with its tables at head; the tenant is migrating then.

        Raises:
            SetupError: Nothing says what tables a tenant has.
        """
        ...

    async def renew_template(self) -> TemplateReport:
        """Make another template, let tenants be copied from it, and drop the ones before.

        Raises:
            SetupError: There are none under this strategy, or nothing says what is in them.
        """
        ...

    async def refill(self, wanted: int) -> int:
        """Keep so many ready copies of the template, and drop those of earlier ones.

        Args:
            wanted: How many are to be ready afterwards; where tenants take some meanwhile, fewer.

        Returns:
            How many were made.
        """
        ...

    def inside(
        self, record: TenantRecord, *, snapshot: bool = False
    ) -> AbstractAsyncContextManager[AdminTransaction]:
        """A transaction in the database in which the tenant's rows are.

        It is the administrator's and sees rows of others too, where they share tables.

        Args:
            record: The tenant.
            snapshot: Whether it only reads, and only what was there when it began.
        """
        ...

    def within(
        self, control: AdminTransaction, record: TenantRecord
    ) -> AbstractAsyncContextManager[AdminTransaction]:
        """The same as `inside`, in the control transaction where both are in one database.

        Args:
            control: The transaction that will make the tenant active.
            record: The tenant.
        """
        ...

    async def is_filled(self, transaction: AdminTransaction, record: TenantRecord) -> bool:
        """Whether a transaction `within` has filled the place, and its control transaction died."""
        ...

    async def mark_filled(self, transaction: AdminTransaction, record: TenantRecord) -> None:
        """Let `is_filled` know, with the commit of the transaction `within`."""
        ...

    async def become(self, transaction: AdminTransaction, record: TenantRecord) -> None:
        """Let a transaction see and do what a request of the tenant sees and may do.

        `SET LOCAL ROLE NONE` makes it the administrator's again.
        """
        ...

    async def tables(self, driver: Driver, record: TenantRecord) -> Sequence[TenantTable]:
        """The tenant's tables, each after those that it refers to."""
        ...

    async def revision(self, record: TenantRecord) -> str | None:
        """What its tables were migrated to, where that is known."""
        ...

    def owner(self, record: TenantRecord) -> str | None:
        """The id by which its rows are found in its tables; None where all rows are its own."""
        ...

    async def settle(self, driver: Driver, record: TenantRecord) -> None:
        """Write down what requests go by, in the transaction that changes the tenant's status."""
        ...

    def server(self, record: TenantRecord) -> Administrator:
        """Connects to the server that its rows are on."""
        ...

    async def remove(self, record: TenantRecord) -> None:
        """Take the tenant's rows away, and what held them; harmless when they are gone.

        Raises:
            TenantConflict: Something that is not the tenant's would go with it.
        """
        ...

    async def forget(self, driver: Driver, record: TenantRecord) -> None:
        """Let requests find nothing any more, in the transaction that removes the record."""
        ...

    async def exists(self, record: TenantRecord) -> bool:
        """Whether the place is there."""
        ...

    async def remains(self, record: TenantRecord) -> Sequence[str]:
        """What `remove` has not taken away, or what came after it: names of the tenant's own."""
        ...

    async def residue(self, record: TenantRecord) -> Mapping[str, int | None]:
        """Where else it is named, and in how many rows: nothing that `remove` takes away."""
        ...

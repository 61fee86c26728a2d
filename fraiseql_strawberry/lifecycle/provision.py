"""A tenant comes to be: provisioning → migrating → active.

Each step is one transaction that changes the status with what it made, or a step that can be
taken twice. Whoever is killed anywhere leaves a tenant that is not served, and whoever calls again
goes on from there: there is one schema or database in the end, and each row once (SECURITY.md,
lifecycle: crash half-way).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from ..errors import TenantConflict
from ..tenant import TenantStatus
from .administrator import Administrator, AdminTransaction
from .places import Places
from .records import Records, TenantRecord
from .shelve import is_shelved

__all__ = ["Fill", "NewTenant", "Provisioning", "Seed", "seeded_by"]

Seed = Callable[[AsyncSession, TenantRecord], Awaitable[object]]
"""Writes a new tenant's first rows, with its rights, in the transaction that makes it active."""

Fill = Callable[[AdminTransaction, TenantRecord], Awaitable[object]]

_UNFINISHED = (TenantStatus.PROVISIONING, TenantStatus.MIGRATING)


@dataclass(frozen=True, slots=True)
class NewTenant:
    """What is known of a tenant before it is there.

    Args:
        id: The canonical id.
        name: What people call it.
        plan: The plan it pays for.
        settings: The application's own JSON.
        tags: Words to choose tenants by.
        origin: What its first rows come from; who goes on later must have the same.
    """

    id: str
    name: str
    plan: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tags: tuple[str, ...] = ()
    origin: Mapping[str, Any] | None = None


class Provisioning:
    """Makes tenants.

    Args:
        administrator: Connects to the control database.
        records: The tenants.
        places: The strategy.
    """

    def __init__(self, administrator: Administrator, records: Records, places: Places) -> None:
        self._administrator = administrator
        self._records = records
        self._places = places

    async def create(self, new: NewTenant, fill: Fill | None = None) -> TenantRecord:
        """Make a tenant, or finish one that was begun.

        Args:
            new: The tenant.
            fill: Writes its first rows; once, however often this was begun.

        Returns:
            The active tenant. If it was that already, nothing is done.

        Raises:
            TenantConflict: There is another tenant of that id, or a place that would be its.
            SetupError: Nothing says which tables a tenant has.
            ServiceUnavailable: When the database cannot be reached.
        """
        record = await self._write_down(new)
        if record.status in _UNFINISHED:
            record = await self.finish(record, fill)
        return record

    async def finish(self, record: TenantRecord, fill: Fill | None = None) -> TenantRecord:
        """Take the steps that are left."""
        record = await self._places.make(record)
        async with self._administrator.transaction(lock=f"tenant:{record.id}") as control:
            record = await self._records.get(control.driver, record.id, lock=True)
            if record.status is not TenantStatus.MIGRATING:
                return record  # somebody else took the last step meanwhile
            if fill is not None:
                async with self._places.within(control, record) as place:
                    if not await self._places.is_filled(place, record):
                        await fill(place, record)
                        await self._places.mark_filled(place, record)
            record = await self._records.set_status(control.driver, record.id, TenantStatus.ACTIVE)
            await self._places.settle(control.driver, record)
        return record

    async def _write_down(self, new: NewTenant) -> TenantRecord:
        placement = self._places.placement(new.id)
        async with self._administrator.transaction(lock=f"tenant:{new.id}") as transaction:
            driver = transaction.driver
            known = await self._records.find(driver, new.id, lock=True)
            if known is None:
                known = await self._records.insert(
                    driver,
                    new.id,
                    name=new.name,
                    plan=new.plan,
                    placement=placement,
                    settings=new.settings,
                    tags=new.tags,
                    origin=new.origin,
                )
                assert known is not None  # nobody else had the lock
                await self._places.refuse_taken(driver, known)
            _refuse_another(known, new)
            if known.status is TenantStatus.ARCHIVED:
                # It may have been on another server: it is made anew where new ones are.
                await self._places.forget(driver, known)
                await self._records.place(driver, new.id, placement)
                await self._records.set_origin(driver, new.id, new.origin)
                known = await self._records.set_status(driver, new.id, TenantStatus.PROVISIONING)
        return known


def _refuse_another(known: TenantRecord, new: NewTenant) -> None:
    """Creating twice is creating once; creating something else under the same id is a mistake."""
    archive = _archive_of(new.origin)
    if known.status in _UNFINISHED:
        alike = known.origin == new.origin
    elif known.status is TenantStatus.ACTIVE:
        alike = archive in (None, _archive_of(known.origin))
    elif is_shelved(known):
        alike = archive == _archive_of(known.origin)
    else:
        raise TenantConflict(f"There is a tenant {known.id} already, and it is {known.status}")
    if (known.name, known.plan) != (new.name, new.plan):
        raise TenantConflict(
            f"There is a tenant {known.id} already: {known.name!r}, plan {known.plan!r}"
        )
    if not alike:
        raise TenantConflict(
            f"There is a tenant {known.id} already ({known.status}), and its rows come from "
            f"something else: {known.origin or 'nothing'}, not {new.origin or 'nothing'}"
        )


def _archive_of(origin: Mapping[str, Any] | None) -> object:
    return None if origin is None else origin.get("archive")


def seeded_by(seed: Seed, places: Places, session_class: type[AsyncSession]) -> Fill:
    """What fills a new tenant with what a function of the application's writes.

    Args:
        seed: The function. Its session has the rights and the path of the tenant's requests.
        places: The strategy.
        session_class: The application's own `AsyncSession` class.
    """

    async def fill(transaction: AdminTransaction, record: TenantRecord) -> None:
        await places.become(transaction, record)
        # A commit of the function's ends a savepoint: the rows are there with the active tenant,
        # or not at all.
        async with session_class(
            bind=transaction.sql, join_transaction_mode="create_savepoint", expire_on_commit=False
        ) as session:
            await seed(session, record)
            await session.commit()
        await transaction.driver.execute("SET LOCAL ROLE NONE")

    return fill

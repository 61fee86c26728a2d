"""From one server to another: refused, taken aside, copied, compared, and only then served there.

Whoever is killed anywhere leaves a tenant that is not served and that has one whole database under
a name that the record says. Whoever calls again goes on from there; or back, by naming the server
that the tenant comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...errors import TenantConflict
from ...sql.catalog import quoted
from ...tenant import TenantStatus
from ..administrator import Administrator, Driver
from ..archive import survey
from ..database_template import DATABASE_QUERIES, drop_database
from ..places import DatabasePlaces
from ..records import Records, TenantRecord
from ..shelve import is_shelved
from ..standing import Standing
from .copy import copy_database
from .source import take_aside
from .state import Left, Move, at_rest

__all__ = ["Moving"]

_MOVABLE = (TenantStatus.ACTIVE, TenantStatus.SUSPENDED, TenantStatus.ARCHIVED)


class Moving:
    """Moves tenants that have a database each.

    Args:
        administrator: Connects to the control database.
        records: The tenants.
        places: Where their databases are.
        standing: Waits for transactions that still write.
        changed: Is called with the id of a tenant once its record has changed.
    """

    def __init__(
        self,
        administrator: Administrator,
        records: Records,
        places: DatabasePlaces,
        standing: Standing,
        changed: Callable[[str], object],
    ) -> None:
        self._administrator = administrator
        self._records = records
        self._places = places
        self._standing = standing
        self._changed = changed

    async def move(self, tenant_id: str, server: str) -> TenantRecord:
        """Move a tenant, go on with a move, or go back.

        Args:
            tenant_id: The canonical id.
            server: Where to, as "host:port".

        Returns:
            The record, with the status that it had before.

        Raises:
            TenantNotFound: There is no such tenant.
            TenantConflict: It cannot be moved as it is, or the copy differs from it.
            BadUserInput: The server is not among the `allowed_hosts`.
        """
        to = self._places.servers.canonical(server)
        # Held to the end, by a transaction that does nothing else: two would undo each other.
        async with self._administrator.transaction(lock=f"move:{tenant_id}"):
            record = await self._tidied(tenant_id)
            move = Move.of(record)
            if record.placement.get("server") == to:
                return record if move is None else await self._back(record, move)
            if move is None:
                record, move = await self._begin(record, to)
            elif move.to != to:
                raise TenantConflict(
                    f"The tenant {tenant_id} is being moved to {self._named(move.to)}: name that "
                    "server to go on, or the one that it comes from to go back"
                )
            else:
                record, move = await self._again(record, move)
            await self._copy(record, move)
            return await self._arrive(record, move)

    # -- the steps ----------------------------------------------------------------------------

    async def _begin(self, record: TenantRecord, to: str | None) -> tuple[TenantRecord, Move]:
        """Refuse the tenant's requests, and write down where it goes."""
        await self._refuse_target(record, to)
        async with self._administrator.transaction(lock=f"tenant:{record.id}") as transaction:
            driver = transaction.driver
            record = await self._records.get(driver, record.id, lock=True)
            if record.status not in _MOVABLE or is_shelved(record):
                raise TenantConflict(
                    f"The tenant {record.id} has no database: it is {record.status}"
                )
            move = Move.begin(record, to)
            record = await self._records.place(driver, record.id, move.placement(record))
            if record.status is TenantStatus.ACTIVE:
                status = TenantStatus.SUSPENDED
                record = await self._records.set_status(driver, record.id, status)
            await self._places.settle(driver, record)
        self._changed(record.id)
        return record, move

    async def _again(self, record: TenantRecord, move: Move) -> tuple[TenantRecord, Move]:
        """Write down that an attempt was cut short, and another one begins."""
        move = move.again()
        async with self._administrator.transaction(lock=f"tenant:{record.id}") as transaction:
            placement = move.placement(record)
            record = await self._records.place(transaction.driver, record.id, placement)
        return record, move

    async def _copy(self, record: TenantRecord, move: Move) -> None:
        """Make the copy, compare it, and give it the tenant's own name."""
        name = self._places.database_of(record)
        target = self._places.servers.named(move.to)
        async with target.connect() as there:
            if await there.fetchval(DATABASE_QUERIES["exists"], name):
                await self._take_aside(record, move)
                return  # it has that name once it was compared
            await self._take_aside(record, move)
            await _sweep(there, move.names)
            await copy_database(self._places.servers.of(record), target, move.name)
            await self._compare(record, move)
            # An earlier attempt's pg_restore may have made its database only now.
            await _sweep(there, move.names[:-1])
            await there.execute(f"ALTER DATABASE {quoted(move.name)} RENAME TO {quoted(name)}")

    async def _take_aside(self, record: TenantRecord, move: Move) -> None:
        name = self._places.database_of(record)
        async with self._places.servers.of(record).connect() as here:
            if await here.fetchval(DATABASE_QUERIES["exists"], name):
                await self._standing.quiesce(record)
            await take_aside(here, [name, *move.names], move.name)

    async def _compare(self, record: TenantRecord, move: Move) -> None:
        held = await survey(self._places, move.source(record), surveyed_by="")
        copied = await survey(self._places, move.copy(record), surveyed_by="")
        if (held.tables, held.counters) != (copied.tables, copied.counters):
            found = {(one.schema, one.name): one for one in copied.tables}
            differ = [
                f"{one.schema}.{one.name}"
                for one in held.tables
                if found.get((one.schema, one.name)) != one
            ]
            raise TenantConflict(
                f"The copy of tenant {record.id} differs from it in "
                f"{', '.join(differ) or 'its tables or sequences'}"
            )

    async def _arrive(self, record: TenantRecord, move: Move) -> TenantRecord:
        """Serve the tenant from its new place, in one transaction; then drop the old one."""
        left = Left(record.placement.get("server"), [move.name])
        placement = left.placement(self._places.database_of(record), move.to)
        record = await self._settle(record, placement, move.was)
        return await self._tidied(record.id)

    async def _back(self, record: TenantRecord, move: Move) -> TenantRecord:
        """Serve the tenant from where it was; then drop what was copied."""
        name = self._places.database_of(record)
        async with self._places.servers.of(record).connect() as here:
            await take_aside(here, move.names, name)
        placement = Left(move.to, [*move.names, name]).placement(
            name, record.placement.get("server")
        )
        record = await self._settle(record, placement, move.was)
        return await self._tidied(record.id)

    async def _settle(
        self, record: TenantRecord, placement: dict[str, object], status: TenantStatus
    ) -> TenantRecord:
        async with self._administrator.transaction(lock=f"tenant:{record.id}") as transaction:
            driver = transaction.driver
            await self._records.place(driver, record.id, placement)
            record = await self._records.set_status(driver, record.id, status)
            await self._places.settle(driver, record)
            await self._places.reroute(driver, record)
        self._changed(record.id)
        return record

    async def _tidied(self, tenant_id: str) -> TenantRecord:
        """Drop what an earlier move has left; the record afterwards."""
        async with self._administrator.transaction() as transaction:
            record = await self._records.get(transaction.driver, tenant_id)
        left = Left.of(record)
        if left is None:
            return record
        async with self._places.servers.named(left.server).connect() as driver:
            for name in left.names:
                await drop_database(driver, name)
        async with self._administrator.transaction(lock=f"tenant:{tenant_id}") as transaction:
            driver = transaction.driver
            return await self._records.place(driver, tenant_id, at_rest(record.placement))

    # -- guards -------------------------------------------------------------------------------

    async def _refuse_target(self, record: TenantRecord, to: str | None) -> None:
        """Another name of the same server would make the tenant's own database the one to drop."""
        name = self._places.database_of(record)
        async with (
            self._places.servers.of(record).connect() as here,
            self._places.servers.named(to).connect() as there,
        ):
            if await here.fetchval(DATABASE_QUERIES["server"]) == await there.fetchval(
                DATABASE_QUERIES["server"]
            ):
                raise TenantConflict(f"{self._named(to)} is the server that the tenant is on")
            if await there.fetchval(DATABASE_QUERIES["exists"], name):
                raise TenantConflict(f"There is a database {name} on {self._named(to)} already")

    def _named(self, server: str | None) -> str:
        return server or self._administrator.server


async def _sweep(driver: Driver, names: Sequence[str]) -> None:
    """End what earlier attempts have left at work, and drop what they made."""
    await driver.fetch(DATABASE_QUERIES["end_copies"], [*names])
    for name in names:
        await drop_database(driver, name)

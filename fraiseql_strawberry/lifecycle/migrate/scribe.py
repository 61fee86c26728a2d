"""Writes into the ledger and tells services, some tenants at a time and beside the migrations."""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import Self

import asyncpg

from ...config.secret import SecretUrl
from .connecting import Driver, open_driver
from .ledger import Ledger
from .texts import LEDGER_QUERIES

__all__ = ["Scribe", "announce"]

_PAUSE_SECONDS = 0.1

_log = logging.getLogger("fraiseql_strawberry")


class Scribe:
    """Takes notes at once, and writes them down within a tenth of a second.

    NOTIFY takes a lock on the server until its transaction has reached the disk: in the
    transactions of migrations it would let only one of them commit at a time.

    Args:
        ledger: The ledger of this run, over a connection that nobody else uses meanwhile.
        driver: That connection.
        listened: The database in which services listen, where it is another one.
        everybody: Whether tenants cannot be told apart, as under row isolation.
    """

    def __init__(
        self,
        ledger: Ledger,
        driver: Driver,
        *,
        listened: SecretUrl | None = None,
        everybody: bool = False,
    ) -> None:
        self._ledger = ledger
        self._driver = driver
        self._listened = listened
        self._everybody = everybody
        self._started: list[str] = []
        self._finished: list[str] = []
        self._failed: list[tuple[str, str]] = []
        self._changed: list[str] = []
        self._noted = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._write())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()

    def started(self, tenant: str) -> None:
        """A tenant is being migrated."""
        self._started.append(tenant)
        self._noted.set()

    def finished(self, tenant: str, *, written: bool) -> None:
        """A tenant was migrated.

        Args:
            tenant: Its id.
            written: Whether the ledger says so already, in the migration's own transaction.
        """
        if not written:
            self._finished.append(tenant)
        self._changed.append(tenant)
        self._noted.set()

    def failed(self, tenant: str, error: str) -> None:
        """A tenant was not migrated."""
        self._failed.append((tenant, error))
        self._noted.set()

    async def flush(self) -> None:
        """Write all that was noted; one at a time, since there is one connection."""
        async with self._writing:
            await self._flush()

    async def _flush(self) -> None:
        started, self._started = self._started, []
        finished, self._finished = self._finished, []
        failed, self._failed = self._failed, []
        changed, self._changed = self._changed, []
        if started:
            await self._ledger.start(started)
        if finished:
            await self._ledger.finish(finished)
        for tenant, error in failed:
            await self._ledger.fail(tenant, error)
        if changed:
            tenants = [""] if self._everybody else changed
            await announce(self._driver, tenants, listened=self._listened)

    async def _write(self) -> None:
        while True:
            await self._noted.wait()
            self._noted.clear()
            await asyncio.sleep(_PAUSE_SECONDS)
            # What is being written is written, also when this ends meanwhile.
            await asyncio.shield(asyncio.ensure_future(self.flush()))


async def announce(
    driver: Driver, tenants: list[str], *, listened: SecretUrl | None = None
) -> None:
    """Tell running services that tenants' tables changed, so that they read them again.

    Args:
        driver: A connection to the control database.
        tenants: Their ids; an empty one means all of them.
        listened: The database in which services listen, where it is another one.
    """
    if listened is None:
        await _announce(driver, tenants)
    else:
        async with open_driver(listened) as other:
            await _announce(other, tenants)


async def _announce(driver: Driver, tenants: list[str]) -> None:
    await driver.execute(LEDGER_QUERIES["notify"], tenants)
    # For services behind a pooler that delivers no notification: they ask for a counter.
    if await driver.fetchval(LEDGER_QUERIES["counter"]):
        try:
            await driver.execute(LEDGER_QUERIES["count"])
        except asyncpg.InsufficientPrivilegeError:
            # What was migrated is migrated, whether they are told or not.
            _log.warning(
                "services that are told nothing by NOTIFY find out by themselves that tables "
                "changed, since the migrator may not UPDATE fraiseql.registry_generation"
            )

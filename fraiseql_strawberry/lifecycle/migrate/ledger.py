"""What was done, when, and what failed: in the control database, whatever becomes of us."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from ...errors import SetupError
from ...sql.golden import literal
from .connecting import Driver
from .places import Place, Revisions, Selection
from .rules import Rules
from .texts import HOME, LEDGER, LEDGER_QUERIES

__all__ = ["Entry", "Ledger", "Run", "finished_revisions", "latest_entries"]

_SEPARATOR = ","


@dataclass(frozen=True, slots=True)
class Run:
    """One run of `migrate`.

    Args:
        id: Its number.
        target: The revisions that it goes to.
        selection: Which tenants it is for.
    """

    id: int
    target: Revisions
    selection: Selection


@dataclass(frozen=True, slots=True)
class Entry:
    """The last thing that happened to a tenant.

    Args:
        tenant: Its id.
        revision: Where it went to, or was to go.
        started: When; None where it was planned only.
        finished: When; None while it runs, or where it was cut short.
        error: Why it failed, if it did.
    """

    tenant: str
    revision: str
    started: datetime | None
    finished: datetime | None
    error: str | None

    @property
    def is_done(self) -> bool:
        """Whether the tenant is at that revision for certain."""
        return self.finished is not None and self.error is None


class Ledger:
    """Writes down one run.

    Args:
        driver: A connection to the control database, in no transaction; others may use it between
            calls, not during one.
        run: The run.
    """

    def __init__(self, driver: Driver, run: Run) -> None:
        self._driver = driver
        self.run = run

    @classmethod
    async def open(
        cls, driver: Driver, rules: Rules, target: Revisions, selection: Selection
    ) -> Ledger:
        """Begin a run; one that was cut short before is given up.

        Args:
            driver: The connection.
            rules: Whose the control schema is to be, where there is none yet.
            target: The revisions that the run goes to.
            selection: Which tenants it is for.

        Raises:
            SetupError: The migrator may not make or write the ledger; the message has the SQL.
        """
        await _make(driver, rules)
        chosen = json.dumps({"tenants": selection.tenants, "tags": selection.tags})
        number = await driver.fetchval(LEDGER_QUERIES["begin"], _joined(target), chosen)
        return cls(driver, Run(number, target, selection))

    @classmethod
    async def resume(cls, driver: Driver) -> Ledger | None:
        """The run that was cut short, or None where the last one came to its end."""
        if not await driver.fetchval(LEDGER_QUERIES["exists"]):
            return None
        row = await driver.fetchrow(LEDGER_QUERIES["unfinished"])
        if row is None:
            return None
        chosen = json.loads(row["selection"])
        selection = Selection(tuple(chosen["tenants"]), tuple(chosen["tags"]))
        return cls(driver, Run(row["id"], _split(row["target"]), selection))

    async def plan(self, places: Sequence[Place]) -> None:
        """Write down what is to be done."""
        tenants = [place.tenant for place in places]
        target = _joined(self.run.target)
        await self._driver.execute(LEDGER_QUERIES["plan"], self.run.id, tenants, target)

    async def start(self, tenants: Sequence[str]) -> None:
        """Write down who is being migrated now."""
        await self._driver.execute(LEDGER_QUERIES["start"], self.run.id, list(tenants))

    async def finish(self, tenants: Sequence[str]) -> None:
        """Write down who is done."""
        await self._driver.execute(LEDGER_QUERIES["finish"], self.run.id, list(tenants))

    def finishing(self, tenant: str) -> str:
        """The same as `finish` for one tenant, as SQL, for the transaction that migrates it."""
        values = {"$1": str(self.run.id), "$2": f"ARRAY[{literal(tenant)}]"}
        sql = LEDGER_QUERIES["finish"]
        for parameter, value in values.items():
            sql = sql.replace(parameter, value)
        return sql

    async def fail(self, tenant: str, error: str) -> None:
        """Write down who failed, and why."""
        await self._driver.execute(LEDGER_QUERIES["fail"], self.run.id, tenant, error)

    async def end(self, outcome: str) -> None:
        """Write down that the run came to its end."""
        await self._driver.execute(LEDGER_QUERIES["end"], self.run.id, outcome)


async def latest_entries(driver: Driver, tenants: Sequence[str]) -> dict[str, Entry]:
    """The last entry of each tenant; none where nothing was ever written."""
    if not await driver.fetchval(LEDGER_QUERIES["exists"]):
        return {}
    rows = await driver.fetch(LEDGER_QUERIES["latest"], list(tenants))
    return {row["tenant"]: Entry(*row.values()) for row in rows}


async def finished_revisions(driver: Driver, tenants: Sequence[str]) -> dict[str, Revisions]:
    """The revisions of the tenants whose last entry came to a good end."""
    entries = await latest_entries(driver, tenants)
    return {tenant: _split(entry.revision) for tenant, entry in entries.items() if entry.is_done}


async def _make(driver: Driver, rules: Rules) -> None:
    if await driver.fetchval(LEDGER_QUERIES["exists"]):
        return
    try:
        async with driver.transaction():
            for name, value in rules.control_settings().items():
                await driver.execute("SELECT set_config($1, $2, true)", name, value)
            await driver.execute(HOME)
            await driver.execute(LEDGER)
    except asyncpg.InsufficientPrivilegeError as error:
        role = await driver.fetchval("SELECT current_user::text")
        raise SetupError(
            f"the role {role} may not make the ledger of migrations: {error}. As an "
            "administrator: CREATE SCHEMA IF NOT EXISTS fraiseql; "
            f"GRANT USAGE, CREATE ON SCHEMA fraiseql TO {role}"
        ) from error


def _joined(revisions: Revisions) -> str:
    return _SEPARATOR.join(revisions)


def _split(text: str) -> Revisions:
    return tuple(part for part in text.split(_SEPARATOR) if part)

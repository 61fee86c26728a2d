"""The database that is left, under a name that no service knows.

A service that has not heard of the suspension yet, or a transaction that outlives all patience,
would write what the copy does not have. So the sessions are ended and the database is renamed
before it is copied: what was acknowledged is in it, and nothing more is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg

from ...errors import TenantConflict
from ...sql.catalog import quoted
from ..administrator import Driver
from ..database_template import DATABASE_QUERIES

__all__ = ["take_aside"]

_ATTEMPTS = 50
_PAUSE = 0.1


async def take_aside(driver: Driver, names: Sequence[str], hidden: str) -> None:
    """Rename a database, and end the sessions in it; harmless when it was done before.

    Args:
        driver: A connection to another database of its server.
        names: What it may be called: by services, or since an earlier attempt.
        hidden: What it is called from now on.

    Raises:
        TenantConflict: Somebody comes back again and again.
    """
    for name in names:
        if name != hidden and await driver.fetchval(DATABASE_QUERIES["exists"], name):
            # Also an attempt's own sessions, if its process was killed.
            await driver.execute(f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS false")
            await _rename(driver, name, hidden)
    await driver.execute(f"ALTER DATABASE {quoted(hidden)} ALLOW_CONNECTIONS true")


async def _rename(driver: Driver, name: str, other: str) -> None:
    for _ in range(_ATTEMPTS):
        await driver.fetch(DATABASE_QUERIES["end_sessions"], name)
        try:
            await driver.execute(f"ALTER DATABASE {quoted(name)} RENAME TO {quoted(other)}")
        except asyncpg.ObjectInUseError:
            await asyncio.sleep(_PAUSE)  # a session takes a moment to end
        else:
            return
    raise TenantConflict(f"sessions in the database {name} do not end")

"""A transaction of one tenant on asyncpg's own connection, for compiled writes.

BEGIN and the tenant are one round trip: the simple query protocol takes several statements, and a
tenant's id and its schema are in canonical form when they are written into it as constants.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from .compiled_query import CompiledQuery

__all__ = ["Committing", "Transaction", "Work", "in_transaction"]

T = TypeVar("T")

# $1 is the tenant's place in the statements of every strategy; the transaction is bound already,
# and only statements over distributed tables name it.
_READ = "SELECT ({query})::text WHERE $1::text IS NULL"
_READ_AS = "SELECT ({query})::text WHERE $1::text IS NOT NULL"

# What `binding` sets for sessions.
_PLAN_ANEW = "SELECT set_config('plan_cache_mode', 'auto', true)"

# The texts that `leftovers.ClearedConnection` knows: functions and triggers are code of the
# application's.
_COMMIT, _ROLLBACK = "COMMIT;", "ROLLBACK;"

Work = Callable[["Transaction"], Awaitable[T]]
"""What is done in a transaction."""

Committing = Callable[[Any], Awaitable[None]]
"""Called with the driver's connection, right before a COMMIT is sent."""


class Transaction:
    """What is written and read before one COMMIT.

    Args:
        driver: asyncpg's connection, in a transaction that is bound to the tenant.
        schema: The schema that unqualified sources are in; None leaves it to the search path.
        named: The tenant that reads name, where tables are distributed over servers.
    """

    def __init__(self, driver: Any, schema: str | None, named: str | None = None) -> None:
        self._driver = driver
        self._schema = schema
        self._named = named
        self.observe: Callable[[str, float], None] | None = None

    async def write(
        self, text: Callable[[str | None], str], parameters: Sequence[Sequence[Any]]
    ) -> list[Any]:
        """Run a statement for each tuple of parameters, in their order, in one round trip.

        Args:
            text: The statement, for the schema that it is given.
            parameters: The parameters of each.

        Returns:
            The one value of every row that they gave.
        """
        statement, started = text(self._schema), time.perf_counter()
        if len(parameters) == 1:
            rows = await self._driver.fetch(statement, *parameters[0])
        else:
            rows = await self._driver.fetchmany(statement, parameters)
        self._seen(statement, started)
        return [row[0] for row in rows]

    async def plan_anew(self) -> None:
        """From now on, plan for the values at hand: a function's own SQL may need it."""
        await self._driver.execute(_PLAN_ANEW)

    async def read(self, query: CompiledQuery) -> str | None:
        """Run a compiled read: it sees what the transaction wrote."""
        form, started = _READ if self._named is None else _READ_AS, time.perf_counter()
        statement = form.format(query=query.sql(self._schema))
        text: str | None = await self._driver.fetchval(statement, self._named, *query.args)
        self._seen(statement, started)
        return text

    def _seen(self, statement: str, started: float) -> None:
        if self.observe is not None:
            self.observe(statement, time.perf_counter() - started)


async def in_transaction(
    driver: Any,
    opening: str,
    transaction: Transaction,
    work: Work[T],
    committing: Committing | None,
    *,
    then: str | None = None,
    refused: Callable[[Exception], Exception] | None = None,
) -> T:
    """Do some work between BEGIN and COMMIT. Whatever happens, it is never done twice.

    An error rolls back and leaves the connection as it was, or closed; a cancellation leaves it
    for whoever holds the connection to close, since a cancel request may be on its way.

    Args:
        driver: asyncpg's connection.
        opening: BEGIN, and what binds the tenant.
        transaction: The transaction that the work is given.
        work: The work.
        committing: See `Committing`.
        then: What binds it further, and has to be sent alone.
        refused: What an error of the opening is to those who asked.
    """
    try:
        await _open(driver, opening, refused)
        if then is not None:
            await driver.execute(then)
        result = await work(transaction)
        if committing is not None:
            await committing(driver)
    except Exception:
        await _roll_back(driver)
        raise
    await driver.execute(_COMMIT)
    return result


async def _open(
    driver: Any, opening: str, refused: Callable[[Exception], Exception] | None
) -> None:
    try:
        await driver.execute(opening)
    except Exception as error:
        if refused is None:
            raise
        raise refused(error) from error


async def _roll_back(driver: Any) -> None:
    if driver.is_closed() or not driver.is_in_transaction():
        return
    try:
        await driver.execute(_ROLLBACK)
    except Exception:  # noqa: BLE001 - the error that led here is the one to tell
        driver.terminate()

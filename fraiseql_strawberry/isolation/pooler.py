"""Start-up refuses a pooler that the configuration does not speak of, or speaks of wrongly.

A pooler gives its clients a process id of its own making (BackendKeyData, which is for cancelling),
so it differs from what `pg_backend_pid()` says behind it. In transaction mode each transaction may
run on another back-end: what a connection has prepared or set there is gone, or meets a stranger
(SECURITY.md, connections and poolers).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from asyncpg import exceptions as postgres
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util.concurrency import greenlet_spawn

from ..config import Pooler
from ..errors import SetupError
from ..trouble import driver_error

__all__ = ["verify_pooler"]

_PID = "SELECT pg_backend_pid()"
_CONNECT_SECONDS, _PROBE_SECONDS = 5.0, 1.0
_STRANGE_STATEMENTS = (
    postgres.InvalidSQLStatementNameError,
    postgres.DuplicatePreparedStatementError,
)


async def verify_pooler(engine: AsyncEngine, declared: Pooler) -> None:
    """Compare what `[database] pooler` says with what stands in front of PostgreSQL.

    A pooler that is declared and not there is no error: a deployment may have one and its tests
    may not.

    Args:
        engine: The engine that serves requests.
        declared: `[database] pooler`.

    Raises:
        SetupError: With the line that mends it.
    """
    try:
        pooled = await _is_pooled(engine, declared)
    except (DBAPIError, postgres.PostgresError) as error:
        cause = driver_error(error)
        said = str(cause).partition("\n")[0]  # asyncpg adds advice of its own
        if _is_refused_parameter(cause):
            raise SetupError(
                f'A pooler stands between this service and PostgreSQL; it said "{said}". {_ADVICE}'
            ) from error
        if isinstance(cause, _STRANGE_STATEMENTS):
            raise SetupError(
                "A transaction pooler stands between this service and PostgreSQL, which said "
                f"'{said}'. {_lines('transaction')}"
            ) from error
        raise
    if not pooled or declared == "transaction":
        return
    if await _shares_back_ends(engine):
        found = "a transaction pooler stands between this service and PostgreSQL"
        said = "none is declared" if declared == "none" else "a session pooler is declared"
        raise SetupError(
            f"{found[0].upper()}{found[1:]}, and {said}: statements would be prepared on one "
            f"back-end and wanted on another. {_lines('transaction')}"
        )
    if declared == "none":
        raise SetupError(f"A pooler stands between this service and PostgreSQL. {_ADVICE}")


def _lines(mode: str) -> str:
    return f'Add to fraiseql.toml:\n[database]\npooler = "{mode}"'


_ADVICE = (
    f'{_lines("transaction")}\nor, where its pool_mode is session:\n[database]\npooler = "session"'
)


def _is_refused_parameter(error: BaseException) -> bool:
    return isinstance(error, postgres.PostgresError) and "startup parameter" in str(error)


async def _is_pooled(engine: AsyncEngine, declared: Pooler) -> bool:
    async with engine.connect() as connection:
        raw: Any = await connection.get_raw_connection()
        driver = raw.driver_connection
        if declared == "transaction":
            await _refuse_caches(raw.dbapi_connection, driver)
        pid: int = (await connection.exec_driver_sql(_PID)).scalar_one()
        return pid != driver.get_server_pid()


async def _refuse_caches(dbapi_connection: Any, driver: Any) -> None:
    """An engine that is the application's own may keep statements that another back-end has."""
    named = bool((await driver.prepare("SELECT")).get_name())
    if named or dbapi_connection._prepared_statement_cache is not None:
        raise SetupError(
            'The engine keeps prepared statements, and [database] pooler = "transaction": the next '
            "transaction may run where they are unknown. Make it with create_async_engine(…, "
            'connect_args={"statement_cache_size": 0, "prepared_statement_cache_size": 0})'
        )


async def _shares_back_ends(engine: AsyncEngine) -> bool:
    """Whether two connections, open at the same time, were seen on one back-end.

    Only a transaction pooler does that. Under load the second may get another back-end, so False
    proves nothing.
    """
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):  # settings are statements, and wait too
                one, other = [await _beside_the_pool(engine, stack) for _ in range(2)]
            async with asyncio.timeout(_PROBE_SECONDS):
                pid = await one.fetchval(_PID)
                await other.execute("BEGIN")  # takes the back-end that was given back last
                return await other.fetchval(_PID) == pid
        except TimeoutError:
            return False  # a session pooler that is full


async def _beside_the_pool(engine: AsyncEngine, stack: AsyncExitStack) -> Any:
    """A connection of a pool of its own: the engine's may have room for one, and it is in use."""
    pool = engine.pool.recreate()
    stack.push_async_callback(greenlet_spawn, pool.dispose)
    connection = await greenlet_spawn(pool.connect)
    stack.push_async_callback(greenlet_spawn, connection.invalidate)
    return connection.driver_connection

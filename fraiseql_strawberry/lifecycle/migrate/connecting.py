"""The migrator's connections: its own, and direct."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from ...config.secret import SecretUrl
from ...engine import asyncpg_url
from ...errors import ServiceUnavailable, SetupError
from ...trouble import translate_connects, translated

__all__ = ["Driver", "connect", "open_driver", "refuse_pooler"]

Driver: TypeAlias = "asyncpg.Connection[Any]"

_SECONDS = 10.0
_NAME = {"application_name": "fraiseql-migrate", "timezone": "UTC"}


@asynccontextmanager
async def connect(url: SecretUrl) -> AsyncGenerator[AsyncConnection]:
    """A connection for Alembic, closed with the block.

    Args:
        url: The migrator's.

    Raises:
        ServiceUnavailable: When the database cannot be reached.
        SetupError: There is a pooler in transaction mode in between.
    """
    engine = create_async_engine(
        asyncpg_url(url.reveal()),
        poolclass=NullPool,
        connect_args={
            "timeout": _SECONDS,
            "server_settings": _NAME,
            # Types and tables change while it runs.
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
        },
        hide_parameters=True,
    )
    translate_connects(engine)
    try:
        with translated():
            connection = await engine.connect()
        try:
            raw = await connection.get_raw_connection()
            await refuse_pooler(raw.driver_connection)
            yield connection
        finally:
            await connection.close()
    finally:
        await engine.dispose()


@asynccontextmanager
async def open_driver(url: SecretUrl) -> AsyncGenerator[Driver]:
    """A connection for everything else, closed with the block.

    Raises:
        ServiceUnavailable: When the database cannot be reached.
    """
    plain = asyncpg_url(url.reveal()).set(drivername="postgresql")
    try:
        with translated():
            driver = await asyncpg.connect(
                plain.render_as_string(hide_password=False),
                timeout=_SECONDS,
                server_settings=_NAME,
                statement_cache_size=0,
            )
    except (OSError, TimeoutError) as error:
        raise ServiceUnavailable(
            hint=f"the database cannot be reached: {type(error).__name__}"
        ) from error
    try:
        yield driver
    finally:
        await _close(driver)


async def refuse_pooler(driver: Any) -> None:
    """Refuse a pooler in transaction mode, behind which a session's settings are not its own.

    Raises:
        SetupError: There is one: its back-end is not the one that was connected to.
    """
    pid = driver.get_server_pid()
    for _ in range(2):
        if await driver.fetchval("SELECT pg_backend_pid()") != pid:
            raise SetupError(
                "migrations go through a pooler in transaction mode: let [database] migrator_url "
                "name PostgreSQL itself"
            )


async def _close(driver: Driver) -> None:
    try:
        await driver.close(timeout=_SECONDS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        driver.terminate()  # it was cut, or is in the middle of a statement

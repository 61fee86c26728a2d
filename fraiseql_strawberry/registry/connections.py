"""Engines for the registry's own use: few connections, which give up soon."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ..config import Pooler
from ..config.secret import SecretUrl
from ..engine import asyncpg_url
from ..trouble import translate_connects

__all__ = ["registry_engine"]

# A request that waits for the registry is a request that waits.
_TIMEOUT = 3.0


def registry_engine(
    url: SecretUrl, *, size: int = 2, pooler: Pooler = "none", timeout: float = _TIMEOUT
) -> AsyncEngine:
    """Make an engine for short reads that do not wait long.

    Args:
        url: The database.
        size: How many connections it may have.
        pooler: The mode of the pooler in front of it.
        timeout: Seconds until a connection, a wait for one, or a statement counts as failed.

    Raises:
        ConfigError: When the URL is no PostgreSQL URL.
    """
    connect_args: dict[str, Any] = {
        "timeout": timeout,
        "command_timeout": timeout,
        "server_settings": {"application_name": "fraiseql-registry"},
    }
    if pooler == "transaction":
        # Statements prepared on one back-end are unknown to the next (SECURITY.md, poolers).
        connect_args |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    engine = create_async_engine(
        asyncpg_url(url.reveal()),
        pool_size=size,
        max_overflow=0,
        pool_timeout=timeout,
        pool_use_lifo=True,  # what is not needed stays idle
        connect_args=connect_args,
        isolation_level="AUTOCOMMIT",  # one statement is one round trip; no tenant's data is here
        hide_parameters=True,
    )
    translate_connects(engine)
    return engine

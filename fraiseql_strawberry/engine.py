"""The application role's engine: SQLAlchemy's pool over asyncpg, with the settings we rely on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import URL, Pool, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from .config import Config
from .errors import ConfigError

__all__ = ["asyncpg_url", "create_engine"]


def create_engine(
    config: Config,
    *,
    settings: Mapping[str, str] | None = None,
    statements: int | None = None,
    poolclass: type[Pool] | None = None,
) -> AsyncEngine:
    """Make the engine that `[database]` describes.

    Args:
        config: The validated configuration.
        settings: Further settings of each connection, where no pooler refuses them.
        statements: How many prepared statements a connection keeps, for compiled reads and for
            sessions each; the drivers' own numbers by default.
        poolclass: The pool, where it is not SQLAlchemy's own.

    Raises:
        ConfigError: When the URL is missing or is no PostgreSQL URL.
    """
    database = config.database
    server_settings = {"timezone": "UTC", "application_name": "fraiseql"}
    connect_args: dict[str, Any] = {"timeout": float(database.pool_timeout)}
    if database.pooler == "transaction":
        # Statements prepared on one back-end are unknown to the next one (SECURITY.md, poolers);
        # a pooler refuses start-up parameters, so timeouts travel in the transaction.
        connect_args |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    else:
        # 0 means no bound: SQL over 15 KiB would otherwise be prepared anew each time.
        connect_args["max_cacheable_statement_size"] = 0
        connect_args["max_cached_statement_lifetime"] = 0  # nor does one grow old: 5 minutes
        server_settings["statement_timeout"] = str(database.statement_timeout_ms)
        server_settings |= settings or {}
        if statements is not None:
            connect_args["statement_cache_size"] = statements
            connect_args["prepared_statement_cache_size"] = statements
        connect_args["server_settings"] = server_settings
    return create_async_engine(
        asyncpg_url(config.require_database_url().reveal()),
        pool_size=database.pool_size,
        max_overflow=database.max_overflow,
        pool_timeout=database.pool_timeout,
        pool_use_lifo=True,
        poolclass=poolclass,
        connect_args=connect_args,
        # A statement in a log line or an error shows no row of any tenant.
        hide_parameters=True,
    )


def asyncpg_url(text: str) -> URL:
    """The SQLAlchemy URL for asyncpg of any PostgreSQL URL.

    Raises:
        ConfigError: When it is none; the message never shows the URL, which holds a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigError(
            "[database] url is no URL", hint="write postgresql://role:password@host:5432/database"
        ) from None  # SQLAlchemy's error quotes the URL
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise ConfigError(
            f"[database] url names {url.get_backend_name()!r}", hint="only postgresql:// works here"
        )
    return url.set(drivername="postgresql+asyncpg")

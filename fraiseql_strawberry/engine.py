"""The application role's engine: SQLAlchemy's pool over asyncpg, with the settings we rely on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Engine, Pool, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from .config import Config
from .config.secret import SecretUrl
from .errors import ConfigError
from .leftovers import ClearedConnection, behind_pooler
from .sql.setting import set_calls

__all__ = ["asyncpg_url", "connection_settings", "create_engine", "set_on_connections"]


def connection_settings(config: Config) -> dict[str, str]:
    """The settings of PostgreSQL that everything we run relies on.

    They are given as start-up parameters; where a pooler refuses those, by SET on each new
    connection (session mode) or in each transaction (transaction mode).

    Args:
        config: The validated configuration.
    """
    database = config.database
    settings = {"timezone": "UTC", "statement_timeout": str(database.statement_timeout_ms)}
    if database.lock_timeout_ms is not None:
        settings["lock_timeout"] = str(database.lock_timeout_ms)
    if database.idle_in_transaction_timeout_ms is not None:
        settings["idle_in_transaction_session_timeout"] = str(
            database.idle_in_transaction_timeout_ms
        )
    return settings


def create_engine(
    config: Config,
    *,
    url: SecretUrl | None = None,
    settings: Mapping[str, str] | None = None,
    statements: int | None = None,
    poolclass: type[Pool] | None = None,
) -> AsyncEngine:
    """Make the engine that `[database]` describes.

    Args:
        config: The validated configuration.
        url: Where it connects to, if not to `[database] url`.
        settings: Further settings of each connection, where no pooler refuses them.
        statements: How many prepared statements a connection keeps, for compiled reads and for
            sessions each; the drivers' own numbers by default.
        poolclass: The pool, where it is not SQLAlchemy's own.

    Raises:
        ConfigError: When the URL is missing or is no PostgreSQL URL.
    """
    database = config.database
    settings = {**connection_settings(config), **(settings or {})}
    server_settings = {"application_name": "fraiseql"}  # the one that every pooler takes
    kind = ClearedConnection
    if database.pooler != "none":
        kept = settings if database.pooler == "session" else {}
        kind = behind_pooler(kind, config.multitenancy.bound_setting, kept)
    connect_args: dict[str, Any] = {
        "timeout": float(database.pool_timeout),
        "connection_class": kind,
    }
    if database.pooler == "transaction":
        # Statements prepared on one back-end are unknown to the next one (SECURITY.md, poolers).
        connect_args |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    else:
        # 0 means no bound: SQL over 15 KiB would otherwise be prepared anew each time.
        connect_args["max_cacheable_statement_size"] = 0
        connect_args["max_cached_statement_lifetime"] = 0  # nor does one grow old: 5 minutes
        if statements is not None:
            connect_args["statement_cache_size"] = statements
            connect_args["prepared_statement_cache_size"] = statements
    if database.pooler == "none":
        server_settings |= settings
    connect_args["server_settings"] = server_settings
    engine = create_async_engine(
        asyncpg_url((url or config.require_database_url()).reveal()),
        pool_size=database.pool_size,
        max_overflow=database.max_overflow,
        pool_timeout=database.pool_timeout,
        pool_use_lifo=True,
        poolclass=poolclass,
        connect_args=connect_args,
        # A statement in a log line or an error shows no row of any tenant.
        hide_parameters=True,
    )
    if database.pooler == "session":
        _set_on_connect(engine, settings)
    else:
        _start_up[engine.sync_engine] = server_settings
    return engine


_start_up: WeakKeyDictionary[Engine, dict[str, str]] = WeakKeyDictionary()


def set_on_connections(engine: AsyncEngine, settings: Mapping[str, str]) -> None:
    """Give further settings to the connections that an engine of ours makes from now on.

    As start-up parameters, which RESET ALL gives back (see `leftovers`), or by SET on a session
    pooler's.

    Args:
        engine: What `create_engine` made, for no transaction pooler.
        settings: Their values by name.
    """
    parameters = _start_up.get(engine.sync_engine)
    if parameters is None:
        _set_on_connect(engine, settings)
    else:
        parameters.update(settings)  # the very object that the driver is given


def _set_on_connect(engine: AsyncEngine, settings: Mapping[str, str]) -> None:
    sql = f"SELECT {', '.join(set_calls(settings, local=False))}"

    @event.listens_for(engine.sync_engine, "connect")
    def set_all(dbapi_connection: Any, _record: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        async def execute(driver: Any) -> None:
            await driver.execute(sql)

        dbapi_connection.run_async(execute)


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

"""What the database's troubles mean for a client: busy, unreachable, or a fault of our own."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from asyncpg import exceptions as postgres
from sqlalchemy import Dialect, event
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from .errors import ServiceUnavailable, TenancyError, TenantBusy

__all__ = [
    "driver_error",
    "is_cut",
    "is_outdated",
    "translate",
    "translate_connects",
    "translated",
    "translated_after_cut",
]

_CUT = (
    postgres.PostgresConnectionError,
    postgres.AdminShutdownError,
    postgres.CrashShutdownError,
    postgres.InternalClientError,  # used between the server's farewell and the end of its stream
)
_UNREACHABLE = (
    postgres.CannotConnectNowError,
    postgres.InvalidAuthorizationSpecificationError,
    postgres.InvalidCatalogNameError,
)
_BUSY = (postgres.TooManyConnectionsError, postgres.QueryCanceledError)


def is_cut(error: BaseException | None) -> bool:
    """Whether the connection itself is gone, so that nothing can be said of its transaction.

    Args:
        error: What asyncpg raised.
    """
    # asyncpg's InterfaceError also says that the caller is wrong, such as a value that fits no
    # parameter: that is a fault of our own.
    return isinstance(error, _CUT) or (
        isinstance(error, postgres.InterfaceError) and "connection is closed" in str(error)
    )


_OUTDATED = (
    postgres.UndefinedColumnError,
    postgres.UndefinedTableError,
    postgres.UndefinedFunctionError,
    postgres.UndefinedObjectError,
    postgres.InvalidSchemaNameError,
    postgres.DatatypeMismatchError,
    postgres.WrongObjectTypeError,
    postgres.InvalidCachedStatementError,
    postgres.OutdatedSchemaCacheError,
)


def is_outdated(error: BaseException) -> bool:
    """Whether a statement no longer fits the tables: they changed since the catalog was read.

    Args:
        error: What SQLAlchemy or asyncpg raised.
    """
    return isinstance(driver_error(error), _OUTDATED)


def translate(error: BaseException) -> TenancyError | None:
    """The error a client should see for a database's trouble, or None when it is no such thing.

    Args:
        error: What SQLAlchemy or asyncpg raised.
    """
    if isinstance(error, PoolTimeout):
        return TenantBusy(hint="no connection became free within [database] pool_timeout")
    cause = driver_error(error)
    if isinstance(cause, _BUSY):
        return TenantBusy(hint=f"PostgreSQL: {cause}")
    if isinstance(cause, _UNREACHABLE) or is_cut(cause):
        return ServiceUnavailable(hint=f"the database cannot be reached: {type(cause).__name__}")
    return None


@contextmanager
def translated() -> Generator[None]:
    """Raise the client's error in place of the driver's, with the driver's as its cause."""
    try:
        yield
    except Exception as error:
        known = translate(error)
        if known is None:
            raise
        raise known from error


@contextmanager
def translated_after_cut(was_cut: Callable[[], bool]) -> Generator[None]:
    """Tell a fault of the application's from the end of its connection.

    Whoever catches the error of a cut connection, as one does around a savepoint, and goes on is
    told by SQLAlchemy that a rollback is pending, and no more why.

    Args:
        was_cut: Whether the connection of the transaction is gone.
    """
    try:
        yield
    except PendingRollbackError as error:
        if not was_cut():
            raise
        raise ServiceUnavailable(
            hint="the connection was cut, and its transaction went on"
        ) from error


def translate_connects(engine: AsyncEngine) -> None:
    """Let the engine raise the client's error where PostgreSQL cannot be reached.

    Only while it connects: an `OSError` of the application's own code (a `PermissionError` is
    one) says nothing of the database.

    Args:
        engine: The engine, whoever made it.
    """
    event.listen(engine.sync_engine, "do_connect", _connect)


def _connect(dialect: Dialect, record: object, args: Any, options: Any) -> Any:
    try:
        return dialect.connect(*args, **options)
    except OSError as error:  # TimeoutError is one as well
        raise ServiceUnavailable(
            hint=f"the database cannot be reached: {type(error).__name__}"
        ) from error


def driver_error(error: BaseException) -> BaseException:
    """Asyncpg's own exception below SQLAlchemy's two wrappers.

    Args:
        error: What SQLAlchemy or asyncpg raised.
    """
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error

"""What the database's troubles mean: busy, unreachable, or a fault of our own."""

from __future__ import annotations

from typing import Any

import pytest
from asyncpg import exceptions as pg
from asyncpg.exceptions._base import DataError as ClientDataError
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from fraiseql_strawberry.errors import ServiceUnavailable, TenantBusy
from fraiseql_strawberry.trouble import is_cut, translate, translated, translated_after_cut

BUSY = [PoolTimeout("x"), pg.TooManyConnectionsError("x"), pg.QueryCanceledError("x")]
CUT = [
    pg.ConnectionDoesNotExistError("x"),
    pg.AdminShutdownError("x"),
    pg.CrashShutdownError("x"),
    pg.InternalClientError("cannot switch to state 13"),
    pg.InterfaceError("connection is closed"),
]
AWAY = [
    *CUT,
    pg.CannotConnectNowError("x"),
    pg.InvalidPasswordError("x"),
    pg.InvalidCatalogNameError("x"),
]
OURS = [
    pg.UndefinedTableError("x"),
    pg.InsufficientPrivilegeError("x"),
    pg.InterfaceError("cannot perform operation: another operation is in progress"),
    ClientDataError("invalid input for query argument $1"),
    # These are the application's: a file, a cache, another service.
    PermissionError("x"),
    FileNotFoundError("x"),
    ConnectionRefusedError("x"),
    TimeoutError("x"),
    ValueError("x"),
]


def name(error: object) -> str:
    return type(error).__name__


def wrapped(error: Exception) -> DBAPIError:
    """As SQLAlchemy raises it: two wrappers around asyncpg's own."""
    adapted = Exception("adapted")
    adapted.__cause__ = error
    return DBAPIError("SELECT 1", None, adapted)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        *((error, TenantBusy) for error in BUSY),
        *((error, ServiceUnavailable) for error in AWAY),
        *((error, type(None)) for error in OURS),
    ],
    ids=name,
)
def test_translation(error: Exception, expected: Any) -> None:
    assert type(translate(error)) is expected
    if not isinstance(error, PoolTimeout):
        assert type(translate(wrapped(error))) is expected


@pytest.mark.parametrize("error", [*CUT, *AWAY, *OURS, None], ids=name)
def test_what_cuts_a_connection(error: Exception | None) -> None:
    assert is_cut(error) is any(error is each for each in CUT)


def test_the_clients_error_has_the_drivers_as_its_cause() -> None:
    with pytest.raises(ServiceUnavailable) as known, translated():
        raise CUT[0]
    assert known.value.__cause__ is CUT[0]
    with pytest.raises(ValueError, match="ours"), translated():
        raise ValueError("ours")


def test_a_pending_rollback_is_a_fault_unless_the_connection_was_cut() -> None:
    with pytest.raises(PendingRollbackError), translated_after_cut(lambda: False):
        raise PendingRollbackError("x")
    with pytest.raises(ServiceUnavailable), translated_after_cut(lambda: True):
        raise PendingRollbackError("x")
    with pytest.raises(ValueError, match="ours"), translated_after_cut(lambda: True):
        raise ValueError("ours")

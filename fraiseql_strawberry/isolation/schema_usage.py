"""Whether a role may use a schema, and what PostgreSQL says where it may not."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from asyncpg import exceptions as postgres
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import TenantUnavailable
from ..sql.catalog import quoted
from ..trouble import driver_error

__all__ = ["NOT_THERE", "OPENED", "USABLE", "refused", "refusing_roles", "usable"]

USABLE = "COALESCE(has_schema_privilege(to_regnamespace({}), 'USAGE'), false)"
NOT_THERE = (
    postgres.UndefinedTableError,
    postgres.InvalidSchemaNameError,
    postgres.InsufficientPrivilegeError,
)
# There is no such role, or the application's is no member of it.
_NOT_THAT_ROLE = (postgres.InvalidParameterValueError, postgres.InsufficientPrivilegeError)
# A schema that is missing is an error of its own; one that may not be used divides by zero: the
# simple query protocol, which sends BEGIN along, gives no values back.
OPENED = "1 / has_schema_privilege({}, 'USAGE')::int"
_NOT_OPENED = (postgres.InvalidSchemaNameError, postgres.DivisionByZeroError, *_NOT_THAT_ROLE)


async def usable(connection: AsyncConnection, schema: str) -> bool:
    """Whether the connection's role may use a schema."""
    found = await connection.exec_driver_sql(f"SELECT {USABLE.format('$1')}", (quoted(schema),))
    return found.scalar_one()


@contextmanager
def refusing_roles() -> Generator[None]:
    """A tenant whose role is missing, or not the application's to take, is not available.

    Raises:
        TenantUnavailable: That is what PostgreSQL said in the block.
    """
    try:
        yield
    except DBAPIError as error:
        if not isinstance(driver_error(error), _NOT_THAT_ROLE):
            raise
        raise TenantUnavailable(hint=str(driver_error(error))) from error


def refused(error: Exception) -> Exception:
    """What an error of the opening of a transaction means (see `OPENED`)."""
    return TenantUnavailable(hint=str(error)) if isinstance(error, _NOT_OPENED) else error

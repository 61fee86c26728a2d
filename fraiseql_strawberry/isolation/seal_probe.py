"""Start-up makes sure that PostgreSQL believes our seals, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..config import SEAL_SETTING
from ..errors import UnsafeDatabase
from ..sql.golden import HELPER

__all__ = ["believed", "verify_seal"]

_ASK = f"SELECT {HELPER}::text AS tenant, now() AS now"
_FIX = "-- fraiseql-strawberry check --fix-sql FILE writes it"


async def verify_seal(connection: AsyncConnection, seal: Callable[[str], str]) -> None:
    """Refuse a database that believes a tenant without a seal, or does not believe ours.

    Args:
        connection: The application role's, in no transaction of a tenant's.
        seal: Writes seals.

    Raises:
        UnsafeDatabase: With what mends it.
    """
    tenant = str(uuid4())
    try:
        bare, _ = await believed(connection, tenant, "")
        sealed, now = await believed(connection, tenant, seal(tenant))
    except DBAPIError as error:
        code = getattr(error.orig, "sqlstate", None)
        if code not in ("42883", "42501", "42P01", "3F000"):
            raise
        raise UnsafeDatabase(
            f'[multitenancy] setting = "sealed", and {HELPER} cannot be called ({code}).', fix=_FIX
        ) from error
    if bare is not None:
        raise UnsafeDatabase(
            f'[multitenancy] setting = "sealed", and {HELPER} believes a tenant without a seal.',
            fix=_FIX,
        )
    if sealed != tenant:
        skew = abs((datetime.now(UTC) - now).total_seconds())
        raise UnsafeDatabase(
            f"The database does not believe the seals of this service. Either its key is not among "
            "those that `fraiseql-strawberry seal rotate` has written there, or the clocks differ "
            f"by more than [multitenancy.seal] lifetime: now by {skew:.0f} s.",
            fix="-- give the service the key of the last rotation, or rotate again",
        )


async def believed(
    connection: AsyncConnection, tenant: str, seal: str
) -> tuple[str | None, datetime]:
    """What PostgreSQL makes of a seal, and its time; the transaction is rolled back.

    Args:
        connection: The application role's.
        tenant: Also set without a seal, as a database without sealed mode would read it.
        seal: The seal.
    """
    try:
        for name, value in (("app.tenant_id", tenant), (SEAL_SETTING, seal)):
            await connection.exec_driver_sql("SELECT set_config($1, $2, true)", (name, value))
        row = (await connection.exec_driver_sql(_ASK)).mappings().one()
        return row["tenant"], row["now"]
    finally:
        await connection.rollback()

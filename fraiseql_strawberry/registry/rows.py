"""One row of a table of tenants by its id, with whichever of the known columns it has."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, NamedTuple

from asyncpg import exceptions as postgres
from sqlalchemy import RowMapping
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import ConfigError
from ..tenant import Tenant, TenantStatus
from ..trouble import driver_error, is_cut, translated

__all__ = ["TableShape", "TenantRows", "tenant_of"]

_log = logging.getLogger("fraiseql_strawberry")

_SQL = resources.files("fraiseql_strawberry.registry").joinpath("sql")
_COLUMNS = (
    resources.files("fraiseql_strawberry.registry")
    .joinpath("sql", "columns.sql")
    .read_text("utf-8")
)
_STATUSES = frozenset(TenantStatus)
# An id of one kind, asked for in a column of another: a slug in one of numbers.
_NO_SUCH_ID = (postgres.InvalidTextRepresentationError, postgres.NumericValueOutOfRangeError)


@dataclass(frozen=True, slots=True)
class TableShape:
    """What is looked for in a table of tenants.

    Args:
        key: The `[section] key` that names the table, for errors.
        ids: The columns that may hold the tenant's id, the likeliest first.
        needed: The other columns that have to be there.
        welcome: The ones that are used where they are there.
    """

    key: str
    ids: tuple[str, ...]
    needed: tuple[str, ...] = ()
    welcome: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that is looked for."""
        return (*self.ids, *self.needed, *self.welcome)


class _Column(NamedTuple):
    name: str
    type: str
    table_name: str
    announced: bool


class TenantRows:
    """Reads rows by id.

    Args:
        engine: The engine of a role that may SELECT the columns.
        sql: The statement, made by `open`.
        sample_sql: The statement that names a few tenants.
        announced: Whether changes of the table are announced (see `changes`).
    """

    def __init__(self, engine: AsyncEngine, sql: str, sample_sql: str, *, announced: bool) -> None:
        self._engine = engine
        self._sql = sql
        self._sample_sql = sample_sql
        self.announced = announced

    @classmethod
    async def open(cls, engine: AsyncEngine, table: str, shape: TableShape) -> TenantRows:
        """Find out which columns the role may read.

        Raises:
            ConfigError: When the table, its id or a column that is needed cannot be read.
            ServiceUnavailable: When the database cannot be reached.
        """
        columns = {column.name: column for column in await _columns(engine, table, shape)}
        ids = [name for name in shape.ids if name in columns]
        missing = [name for name in shape.needed if name not in columns]
        if not ids or missing:
            wanted = " and ".join([*shape.ids[:1], *shape.needed])
            raise ConfigError(
                f"{shape.key} = {table!r}: there is no such table with {wanted} that the role "
                "of the service may read",
                hint=f"GRANT SELECT ({', '.join((shape.ids[0], *shape.needed, *shape.welcome))}) "
                f"ON {table} TO that role, and USAGE on its schema",
            )
        key = columns[ids[0]]
        # Names out of the catalog, quoted by PostgreSQL itself; the others stand in `shape`.
        wanted = ", ".join(
            f"{name}::text" if name in columns else f"NULL::text AS {name}"
            for name in (*shape.needed, *shape.welcome)
        )
        sql = (
            f"SELECT {wanted} FROM {key.table_name} "  # noqa: S608
            f"WHERE {key.name} = $1::text::{key.type}"
        )
        served = (
            f"WHERE COALESCE(status::text, '{TenantStatus.ACTIVE}') = '{TenantStatus.ACTIVE}' "
            if "status" in columns
            else ""
        )
        sample = f"SELECT {key.name}::text FROM {key.table_name} {served}LIMIT $1"  # noqa: S608
        return cls(engine, sql, sample, announced=key.announced)

    async def sample(self, count: int) -> Sequence[str]:
        """The ids of a few tenants that are served.

        Raises:
            ServiceUnavailable: When the database cannot be reached.
        """
        with translated():
            async with self._engine.connect() as connection:
                result = await connection.exec_driver_sql(self._sample_sql, (count,))
                return result.scalars().all()

    async def fetch(self, tenant_id: str) -> RowMapping | None:
        """The row of a tenant, all of it text, or None.

        Raises:
            ServiceUnavailable: When the database cannot be reached.
            TenantBusy: When no connection became free in time.
        """
        with translated():
            try:
                return await self._fetch(tenant_id)
            except DBAPIError as error:
                cause = driver_error(error)
                if isinstance(cause, _NO_SUCH_ID):
                    return None  # what the column cannot hold is the id of nobody
                if not (is_cut(cause) or isinstance(cause, postgres.InvalidCachedStatementError)):
                    raise
            # The connection had been cut while it was idle, or the table was altered. A read is
            # tried again, once.
            return await self._fetch(tenant_id)

    async def _fetch(self, tenant_id: str) -> RowMapping | None:
        async with self._engine.connect() as connection:
            result = await connection.exec_driver_sql(self._sql, (tenant_id,))
            return result.mappings().one_or_none()


async def _columns(engine: AsyncEngine, table: str, shape: TableShape) -> Iterable[_Column]:
    with translated():
        try:
            async with engine.connect() as connection:
                result = await connection.exec_driver_sql(_COLUMNS, (table, list(shape.names)))
                return [_Column(*row) for row in result]
        except DBAPIError as error:
            if isinstance(driver_error(error), postgres.InsufficientPrivilegeError):
                return []  # no USAGE on the schema: the table is not there for this role
            raise


def tenant_of(tenant_id: str, row: RowMapping, placement: dict[str, Any]) -> Tenant:
    """The tenant that a row with `name`, `plan` and `status` describes.

    Args:
        tenant_id: Its canonical id.
        row: The row, all of it text.
        placement: Where it is.
    """
    plan = row["plan"]
    return Tenant(
        tenant_id,
        row["name"],
        None if plan is None else sys.intern(plan),  # thousands of tenants share a few plans
        _status(tenant_id, row["status"]),
        placement,
    )


def _status(tenant_id: str, text: str | None) -> TenantStatus:
    if not text:
        return TenantStatus.ACTIVE
    if text in _STATUSES:
        return TenantStatus(text)
    # Whatever it means, it does not say active: refused rather than served by mistake.
    _log.warning("tenant %s has the status %r, which is none of ours: not served", tenant_id, text)
    return TenantStatus.SUSPENDED

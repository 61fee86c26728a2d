"""Tenants as records: `fraiseql.tenants` in the control schema."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from ..errors import SetupError, TenantNotFound
from ..tenant import IdType, Tenant, TenantStatus
from .administrator import Driver
from .queries import named_queries

__all__ = ["Records", "TenantRecord"]

_QUERIES = named_queries("records")
_COLUMNS = (
    "t.id::text AS id, t.name, t.plan, t.status, t.placement::text, t.settings::text, t.tags, "
    "t.origin::text, t.created_at, t.updated_at, t.status_at"
)
_ID = {"uuid": "uuid", "slug": "text"}
_PAGE = 500


@dataclass(frozen=True, slots=True)
class TenantRecord(Tenant):
    """Everything that is written down about a tenant; see `Tenant` for the first five.

    Args:
        settings: The application's own JSON.
        tags: Words to choose tenants by.
        origin: What its first rows came from: `{"seed": True}`, or an archive's digest; None where
            there were none.
        created_at: When it was written down.
        updated_at: When anything of it changed last.
        status_at: When its status changed last.
    """

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)
    tags: tuple[str, ...] = ()
    origin: Mapping[str, Any] | None = field(default=None, compare=False)
    created_at: datetime | None = field(default=None, compare=False)
    updated_at: datetime | None = field(default=None, compare=False)
    status_at: datetime | None = field(default=None, compare=False)


class Records:
    """Reads and writes records on a connection of the administrator's.

    Args:
        id_type: The form of ids in this deployment.
    """

    def __init__(self, id_type: IdType) -> None:
        self._sql = {
            name: text.format(id=_ID[id_type], columns=_COLUMNS) for name, text in _QUERIES.items()
        }

    async def insert(
        self,
        driver: Driver,
        tenant_id: str,
        *,
        name: str,
        plan: str,
        placement: Mapping[str, Any],
        settings: Mapping[str, Any],
        tags: Sequence[str],
        origin: Mapping[str, Any] | None,
    ) -> TenantRecord | None:
        """Write a new tenant down as provisioning; None when one of that id is there."""
        row = await self._row(
            driver,
            "insert",
            *(tenant_id, name, plan, json.dumps(dict(placement)), json.dumps(dict(settings))),
            *(list(tags), _json_or_none(origin)),
        )
        return None if row is None else _record(row)

    async def find(
        self, driver: Driver, tenant_id: str, *, lock: bool = False
    ) -> TenantRecord | None:
        """The record of that id, or None.

        Args:
            driver: Where to look.
            tenant_id: The canonical id.
            lock: Whether nobody else may change it until the transaction ends.
        """
        row = await self._row(driver, "lock" if lock else "get", tenant_id)
        return None if row is None else _record(row)

    async def get(self, driver: Driver, tenant_id: str, *, lock: bool = False) -> TenantRecord:
        """The record of that id.

        Raises:
            TenantNotFound: There is none.
        """
        record = await self.find(driver, tenant_id, lock=lock)
        if record is None:
            raise TenantNotFound(f"There is no tenant {tenant_id}")
        return record

    async def each(
        self,
        driver: Driver,
        *,
        status: Collection[TenantStatus | str] | None = None,
        tag: str | None = None,
        plan: str | None = None,
    ) -> AsyncGenerator[TenantRecord]:
        """The records in the order of their ids, read page by page.

        Args:
            driver: Where to look; not used by anybody else meanwhile.
            status: Only those in one of these.
            tag: Only those with this tag.
            plan: Only those on this plan.
        """
        after: str | None = None
        wanted = None if status is None else [str(one) for one in status]
        while True:
            rows = await self._rows(driver, "page", after, wanted, tag, plan, _PAGE)
            for row in rows:
                yield _record(row)
            if len(rows) < _PAGE:
                return
            after = rows[-1]["id"]

    async def set_status(
        self, driver: Driver, tenant_id: str, status: TenantStatus
    ) -> TenantRecord:
        """Write another status down."""
        return await self._changed(driver, "set_status", tenant_id, str(status))

    async def place(
        self, driver: Driver, tenant_id: str, placement: Mapping[str, Any]
    ) -> TenantRecord:
        """Write down where the tenant is."""
        return await self._changed(driver, "place", tenant_id, json.dumps(dict(placement)))

    async def set_origin(
        self, driver: Driver, tenant_id: str, origin: Mapping[str, Any] | None
    ) -> TenantRecord:
        """Write down what the tenant's rows come from."""
        return await self._changed(driver, "set_origin", tenant_id, _json_or_none(origin))

    async def change(
        self,
        driver: Driver,
        tenant_id: str,
        *,
        name: str | None = None,
        plan: str | None = None,
        settings: Mapping[str, Any] | None = None,
        tags: Sequence[str] | None = None,
    ) -> TenantRecord:
        """Change what people call it, its plan, settings or tags; None leaves a thing as it is."""
        tag_list = None if tags is None else list(tags)
        return await self._changed(
            driver, "change", tenant_id, name, plan, _json_or_none(settings), tag_list
        )

    async def remove(self, driver: Driver, tenant_id: str) -> None:
        """Forget the tenant; harmless when it is gone."""
        await driver.execute(self._sql["remove"], tenant_id)

    async def _changed(self, driver: Driver, query: str, *args: object) -> TenantRecord:
        row = await self._row(driver, query, *args)
        if row is None:
            raise TenantNotFound(f"There is no tenant {args[0]}")
        return _record(row)

    async def _row(self, driver: Driver, query: str, *args: object) -> asyncpg.Record | None:
        rows = await self._rows(driver, query, *args)
        return rows[0] if rows else None

    async def _rows(self, driver: Driver, query: str, *args: object) -> list[asyncpg.Record]:
        try:
            return await driver.fetch(self._sql[query], *args)
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
            raise SetupError(
                "the control database has no table fraiseql.tenants of this version: run "
                "`fraiseql-strawberry init --apply`"
            ) from error


def _record(row: asyncpg.Record) -> TenantRecord:
    return TenantRecord(
        row["id"],
        row["name"],
        row["plan"],
        TenantStatus(row["status"]),
        json.loads(row["placement"]),
        settings=json.loads(row["settings"]),
        tags=tuple(row["tags"]),
        origin=json.loads(row["origin"]) if row["origin"] else None,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        status_at=row["status_at"],
    )


def _json_or_none(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(dict(value))

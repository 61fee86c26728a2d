"""The routing table of database isolation, as the administrator writes it."""

from __future__ import annotations

from urllib.parse import quote

import asyncpg
from sqlalchemy import make_url

from ..config import Config
from ..errors import SetupError
from ..sql.catalog import quoted
from ..tenant import TenantStatus
from .administrator import Driver
from .queries import named_queries
from .records import TenantRecord

__all__ = ["Routes"]

_QUERIES = named_queries("databases")
_ID = {"uuid": "uuid", "slug": "text"}


class Routes:
    """Says to requests which database a tenant has.

    Args:
        config: The configuration: where the table is, and which role connects.
    """

    def __init__(self, config: Config) -> None:
        multitenancy = config.multitenancy
        routing = multitenancy.routing
        self._table = ".".join(quoted(part) for part in routing.registry_table.split("."))
        self._id = _ID[multitenancy.id_type]
        self._url = config.database.url or routing.registry_url
        self._password = _reference(routing.tenant_password)

    async def write(self, driver: Driver, record: TenantRecord, database: str) -> None:
        """Write down what a request of the tenant may do, in a transaction of the caller's.

        Args:
            driver: The connection to the control database.
            record: The tenant; where it is served for the first time, a new row is made.
            database: The name of its database.

        Raises:
            SetupError: The table is not there, or lacks a column for the status.
        """
        described = (record.name, record.plan, str(record.status))
        if record.status is TenantStatus.ACTIVE:
            url = self.url_of(database)
            await self._execute(driver, "route", record.id, url, *described)
        else:
            await self._execute(driver, "reroute", record.id, *described)

    async def move(self, driver: Driver, tenant_id: str, server: str, database: str) -> None:
        """Send a tenant's requests to another server.

        Args:
            driver: The connection to the control database.
            tenant_id: The tenant.
            server: Host and port.
            database: The name of its database there.
        """
        await self._execute(driver, "move_route", tenant_id, server, quote(database, safe=""))

    async def remove(self, driver: Driver, record: TenantRecord) -> None:
        """Forget the tenant's database."""
        await self._execute(driver, "unroute", record.id)

    def holds(self, place: str) -> bool:
        """Whether a column, such as `public.tenant_databases.tenant_id`, is the routing table's."""
        table = place.rpartition(".")[0].replace('"', "")
        named = self._table.replace('"', "")
        return table == named or ("." not in named and table.endswith(f".{named}"))

    def url_of(self, database: str) -> str:
        """The URL that a request of the tenant connects to.

        The password is not part of it where `[multitenancy.routing] tenant_password` says where
        services find it.

        Raises:
            SetupError: Nothing says which role connects.
        """
        if self._url is None:
            raise SetupError(
                "set [database] url: its role and host are those of tenants' databases"
            )
        url = make_url(self._url.reveal()).set(drivername="postgresql", database=database, query={})
        if self._password is None:
            return url.render_as_string(hide_password=False)
        # A reference stands as it is, where a password would be percent-encoded.
        bare = url.set(password=None).render_as_string()
        scheme, _, rest = bare.partition("://")
        role, _, place = rest.partition("@")
        return f"{scheme}://{role}:{self._password}@{place}"

    async def _execute(self, driver: Driver, query: str, *args: object) -> None:
        sql = _QUERIES[query].format(table=self._table, id=self._id)
        try:
            await driver.execute(sql, *args)
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
            raise SetupError(
                f"[multitenancy.routing] registry_table {self._table}: {error}. Is admin_url the "
                "database of the registry? Then run `fraiseql-strawberry init --apply`"
            ) from error


def _reference(where: str | None) -> str | None:
    """As the registry's rows refer to a password that stands elsewhere."""
    if where is None:
        return None
    kind, _, name = where.partition(":")
    return f"${{{name}}}" if kind == "env" else f"${{file:{name}}}"

"""Row isolation over tables that Citus distributes by tenant.

The policies are asked on the workers, and `set_config()` stays on the coordinator: there is no
tenant there, and so no row. `SET LOCAL` travels, where `citus.propagate_set_commands` says so, so
each read is an explicit transaction. What names its tenant asks one shard instead of all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import Session

from ..sql.golden import HAS_CITUS
from ..sql.render import TENANT
from ..sql.setting import set_local
from .binding import Binding
from .citus_orm import DistributedTable, name_tenant
from .protocol import CompiledQuery
from .reading import Reads
from .transaction import Committing, Transaction, Work, in_transaction

__all__ = ["CitusRows", "has_citus"]

T = TypeVar("T")

_PROPAGATE = {"citus.propagate_set_commands": "local"}


def _queries() -> dict[str, str]:
    text = resources.files("fraiseql_strawberry.isolation").joinpath("citus.sql").read_text("utf-8")
    parts = (part.split("\n", 1) for part in text.split("-- name: ")[1:])
    return dict(cast("list[tuple[str, str]]", list(parts)))


_SQL = _queries()
_READ = f"SELECT ({{query}})::text WHERE {TENANT} IS NOT NULL"


async def has_citus(connection: AsyncConnection) -> bool:
    """Whether the database has the extension, on a coordinator or on a worker.

    Args:
        connection: A connection of the application role.
    """
    return (await connection.exec_driver_sql(HAS_CITUS)).scalar_one()


class CitusRows:
    """How a transaction is bound and a compiled read is run, where tables are distributed.

    Args:
        setting: The setting that the policies read.
        carried: Further settings of each transaction, where a pooler refuses them at start-up.
        tables: The distributed tables.
    """

    def __init__(
        self, setting: str, carried: Mapping[str, str], tables: frozenset[DistributedTable]
    ) -> None:
        self._setting = setting
        settings = {**carried, **_PROPAGATE}
        self._binding = Binding(("application_name",), carried=settings)
        self._tables = tables

    @classmethod
    async def of(
        cls, connection: AsyncConnection, setting: str, carried: Mapping[str, str]
    ) -> CitusRows:
        """Ask which tables are distributed.

        Args:
            connection: A connection of the application role.
            setting: As above.
            carried: As above.
        """
        found = await connection.exec_driver_sql(_SQL["tables"])
        tables = frozenset(DistributedTable(**row) for row in found.mappings())
        return cls(setting, carried, tables)

    @staticmethod
    def catalog_sql(sql: str) -> str:
        """See `Isolation.catalog_sql`."""
        return _SQL["catalog"].replace("{catalog}", sql)

    def bind(self, connection: Connection, tenant_id: str) -> None:
        """Set the tenant for the transaction that has just begun, here and on the workers.

        A worker hears of it when the transaction first asks it something.
        """
        self._binding.apply(connection, (f"t:{tenant_id}",))
        # Not prepared: the text differs for each tenant. And alone: Citus passes on the whole
        # text that it was sent.
        statement = set_local(self._setting, tenant_id)

        async def execute(driver: Any) -> None:
            await driver.execute(statement)

        adapted: Any = connection.connection.dbapi_connection
        adapted.run_async(execute)

    async def read(self, reads: Reads, tenant_id: str, query: CompiledQuery) -> str | None:
        """Run a compiled read in a transaction of its own (see `Isolation.read`)."""
        return await self.write(reads, tenant_id, lambda transaction: transaction.read(query))

    async def write(
        self,
        reads: Reads,
        tenant_id: str,
        work: Work[T],
        committing: Committing | None = None,
    ) -> T:
        """Do some work in one transaction (see `Isolation.write`)."""
        opening = self._binding.opening((f"t:{tenant_id}",))
        tenant = set_local(self._setting, tenant_id)

        async def call(driver: Any) -> T:
            transaction = Transaction(driver, None, tenant_id)
            return await in_transaction(driver, opening, transaction, work, committing, then=tenant)

        return await reads.run(call)

    async def read_in(
        self, connection: AsyncConnection, tenant_id: str, query: CompiledQuery
    ) -> str | None:
        """The same statement, in a transaction that is bound (see `Isolation.read_in`)."""
        statement = _READ.format(query=query.sql(None))
        result = await connection.exec_driver_sql(statement, (tenant_id, *query.args))
        return cast("str | None", result.scalar_one())

    def prepare_session(self, session: Session, tenant_id: str) -> None:
        """Let what the session reads by its mapped classes say whose it is."""
        if self._tables:
            name_tenant(session, self._tables, tenant_id)

"""What every strategy does, and all that the rest of the library knows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import Session

from .compiled_query import CompiledQuery
from .transaction import Committing, Transaction, Work

__all__ = ["CompiledQuery", "Isolation"]

T = TypeVar("T")


class Isolation(Protocol):
    """One of the three strategies: the only code that knows how a tenant is kept apart."""

    name: str

    async def start(self) -> None:
        """Open what serves requests and refuse what cannot keep tenants apart.

        Raises:
            UnsafeDatabase: With the SQL that mends it.
            ServiceUnavailable: When the database cannot be reached.
        """
        ...

    async def stop(self) -> None:
        """Close every connection."""
        ...

    def engine(self, tenant_id: str) -> AbstractAsyncContextManager[AsyncEngine]:
        """The engine whose connections may serve this tenant, kept open for the block.

        Raises:
            TenantUnavailable: When there is no place of that tenant's.
        """
        ...

    def bind(self, connection: Connection, tenant_id: str) -> None:
        """Bind the transaction that has just begun on `connection` to the tenant.

        Runs inside SQLAlchemy's greenlet on `Session.after_begin`, so each new transaction of
        a session is bound again: after a commit, after a rollback (SECURITY.md, the seven, 2).
        """
        ...

    def prepare_session(self, session: Session, tenant_id: str) -> None:
        """Called once with each session of the tenant's, before its first statement."""
        ...

    def catalog_sql(self, sql: str) -> str:
        """The query of the catalog as a connection of the service's is to send it.

        Where tables are distributed over servers, its rows have one more column,
        `distributed_by`, the column that says on which of them a row is.
        """
        ...

    async def read(self, tenant_id: str, query: CompiledQuery) -> str | None:
        """Run a compiled read as the tenant, in one transaction of its own.

        Args:
            tenant_id: The canonical tenant.
            query: The statement and its parameters.

        Returns:
            The JSON text that PostgreSQL wrote; None for SQL's NULL.
        """
        ...

    async def read_in(
        self, connection: AsyncConnection, tenant_id: str, query: CompiledQuery
    ) -> str | None:
        """Run a compiled read in a transaction that is already bound to the tenant."""
        ...

    async def write(self, tenant_id: str, work: Work[T], committing: Committing | None = None) -> T:
        """Do some work in one transaction of the tenant's, and commit it.

        Nothing is tried again, whatever fails: a write is done once or not at all.

        Args:
            tenant_id: The canonical tenant.
            work: What is done in it.
            committing: Called right before the COMMIT.

        Raises:
            TenantUnavailable: When there is no place of that tenant's.
        """
        ...

    def transaction_on(self, driver: Any, tenant_id: str) -> Transaction:
        """The transaction that a connection of the tenant's is in already."""
        ...

    def place_of(self, tenant_id: str | None) -> str | None:
        """Where a tenant's objects are: tenants with one place share one catalog.

        Args:
            tenant_id: The canonical tenant; None for a request that has none.

        Returns:
            The key of the place; None where it cannot be told without a tenant.
        """
        ...

    async def places(self) -> Sequence[str]:
        """A few places that exist, the most typical first: what decorated types are held against.

        Raises:
            ServiceUnavailable: When the database cannot be reached.
        """
        ...

    async def catalog(
        self, place: str, sql: str, names: Sequence[str]
    ) -> Sequence[Mapping[str, Any]]:
        """Run a query over the system catalogs of a place; its one parameter is a list of names.

        Raises:
            TenantUnavailable: When the place does not exist.
            ServiceUnavailable: When the database cannot be reached.
        """
        ...

    async def verify(self) -> None:
        """Ask the database whether it still keeps tenants apart.

        Raises:
            UnsafeDatabase: With the SQL that mends it.
            ServiceUnavailable: When it does not answer.
        """
        ...

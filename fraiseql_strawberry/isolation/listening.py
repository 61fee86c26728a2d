"""Where the changes of a tenant are heard, and what announcements call it: for LISTEN."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..config import Config
from ..config.secret import SecretUrl
from ..errors import SetupError
from ..registry.connections import registry_engine
from ..trouble import translated
from .database import DatabaseIsolation

__all__ = ["OwnDatabases", "SharedDatabase"]

_SECONDS = 5.0


class SharedDatabase:
    """All tenants in one database: one connection hears them all (see `channels.Places`).

    Args:
        config: Says what stands in front of the database.
        engine: The application role's engine.
        name_of: What announcements call a tenant: by its id, or by its schema.
    """

    most = 1

    def __init__(
        self, config: Config, engine: AsyncEngine, name_of: Callable[[str], str | None]
    ) -> None:
        database = config.database
        url = SecretUrl(engine.url.render_as_string(hide_password=False))
        self._url = database.listen_url or url
        self._deaf = database.pooler == "transaction" and database.listen_url is None
        self._name_of = name_of

    def check(self) -> None:
        """A pooler in transaction mode delivers nothing (SECURITY.md, poolers: 0 of 20)."""
        if self._deaf:
            raise SetupError(
                "a subscription has a channel, and the pooler in front of PostgreSQL delivers no "
                "notification in transaction mode. Set [database] listen_url to a direct "
                "connection to the same database"
            )

    def of(self, tenant_id: str) -> str:
        """The one database."""
        return ""

    def name_of(self, tenant_id: str) -> str | None:
        """The tenant's id, or its schema."""
        return self._name_of(tenant_id)

    @asynccontextmanager
    async def connect(self, tenant_id: str) -> AsyncGenerator[Any]:
        """A connection beside the pool."""
        engine = registry_engine(self._url, size=1, timeout=_SECONDS)
        try:
            with translated():
                async with engine.connect() as connection, _listening(connection) as driver:
                    yield driver
        finally:
            await engine.dispose()


class OwnDatabases:
    """A database per tenant: whatever is heard there is the tenant's (see `channels.Places`).

    The connection is one of the tenant's own, on the budget of all of them; so only half of the
    budget may listen.

    Args:
        config: The budget, and what stands in front of the databases.
        isolation: Where they are.
    """

    def __init__(self, config: Config, isolation: DatabaseIsolation) -> None:
        routing = config.multitenancy.routing
        self.most = routing.max_connections // 2
        self._pooled = config.database.pooler == "transaction"
        self._per_tenant = routing.connections_per_tenant
        self._isolation = isolation

    def check(self) -> None:
        """A pooler in transaction mode delivers nothing, and a tenant needs a second connection."""
        if self._pooled:
            raise SetupError(
                "a subscription has a channel, and with a pooler in transaction mode in front of "
                "tenants' databases nothing would be heard. Register direct connections, or take "
                "`channel` out"
            )
        if self._per_tenant < 2:
            raise SetupError(
                "a subscription has a channel, and listening takes one of a tenant's connections: "
                "set [multitenancy.routing] connections_per_tenant to 2 or more"
            )

    def of(self, tenant_id: str) -> str:
        """The tenant's own."""
        return tenant_id

    def name_of(self, tenant_id: str) -> str | None:
        """There is nobody else's."""
        return None

    @asynccontextmanager
    async def connect(self, tenant_id: str) -> AsyncGenerator[Any]:
        """One of the tenant's connections, looked at like all of them when it was made."""
        with translated():
            async with (
                self._isolation.engine(tenant_id) as engine,
                engine.connect() as connection,
                _listening(connection) as driver,
            ):
                yield driver


@asynccontextmanager
async def _listening(connection: AsyncConnection) -> AsyncGenerator[Any]:
    try:
        yield (await connection.get_raw_connection()).driver_connection
    finally:
        await connection.invalidate()  # it LISTENs: nobody else's

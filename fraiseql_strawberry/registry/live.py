"""A registry at work: where it reads, what it remembers, and how it hears of changes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from ..config import Config
from ..config.secret import SecretUrl
from .cache import Registry
from .listener import Listener
from .poller import Poller
from .routing_table import RoutingTable
from .source import TenantSource
from .tenants_table import TenantsTable

__all__ = ["LiveRegistry"]

_log = logging.getLogger("fraiseql_strawberry")


class _Ears(Protocol):
    def start(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LiveRegistry:
    """The three parts of a registry, started and stopped together.

    Args:
        registry: What is asked.
        source: Where it reads.
        ears: What tells it of changes.
    """

    registry: Registry
    source: TenantSource
    ears: _Ears

    @classmethod
    async def of_routing_table(cls, config: Config) -> LiveRegistry:
        """The registry of `strategy = "database"`.

        Raises:
            ConfigError: When there is no URL, or the table cannot be used.
            ServiceUnavailable: When the registry cannot be reached.
        """
        url, table = config.require_registry_url(), config.multitenancy.routing.registry_table
        source = await RoutingTable.open(url, table, pooler=config.database.pooler)
        return cls._of(config, source, url, table, announced=source.announced)

    @classmethod
    async def of_tenants_table(
        cls, config: Config, engine: AsyncEngine, table: str
    ) -> LiveRegistry:
        """The registry in the application's own database.

        Args:
            config: The configuration.
            engine: The application role's engine.
            table: `[multitenancy] tenants_table`.

        Raises:
            ConfigError: When the table cannot be used.
            ServiceUnavailable: When the database cannot be reached.
        """
        source = await TenantsTable.open(engine, table)
        url = SecretUrl(engine.url.render_as_string(hide_password=False))
        return cls._of(config, source, url, table, announced=source.announced)

    @classmethod
    def _of(
        cls, config: Config, source: TenantSource, url: SecretUrl, table: str, *, announced: bool
    ) -> LiveRegistry:
        routing, database = config.multitenancy.routing, config.database
        registry = Registry(
            source.fetch,
            refresh_seconds=routing.refresh_seconds,
            stale_seconds=routing.stale_seconds,
        )
        if not announced:
            _log.warning(
                "the changes of %s are not announced: a suspension takes up to %g seconds. See "
                "fraiseql_strawberry/registry/sql/changes.sql, then SELECT "
                "fraiseql.announce_changes('%s')",
                table,
                routing.refresh_seconds,
                table,
            )
        if database.pooler == "transaction" and database.listen_url is None:
            return cls(registry, source, Poller(url, registry.forget, pooler=database.pooler))
        return cls(registry, source, Listener(database.listen_url or url, registry.forget))

    def start(self) -> None:
        """Begin to hear of changes."""
        self.ears.start()

    async def stop(self) -> None:
        """Close every connection that is not the application's own."""
        await self.ears.stop()
        await self.registry.close()
        await self.source.close()

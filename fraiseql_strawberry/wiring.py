"""From the configuration to the parts that serve it: which isolation, which registry."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from .channels import Channels, Places
from .config import Config
from .config.secret import SecretUrl
from .engine import connection_settings, create_engine
from .errors import SetupError
from .isolation import (
    DatabaseIsolation,
    Isolation,
    OwnDatabases,
    RowIsolation,
    SchemaIsolation,
    SchemaNames,
    SharedDatabase,
    engine_by_schema,
)
from .registry import LiveRegistry
from .replicas import RecentWrites, Replica, Replicas
from .resolve import TenantRules
from .seal import tenant_values

__all__ = ["Parts", "open_parts", "refuse_unsafe"]

_log = logging.getLogger("fraiseql_strawberry")


class Parts(NamedTuple):
    """What serves tenants: started, and theirs to stop who opened it."""

    isolation: Isolation
    registry: LiveRegistry | None
    replicas: Replicas | None
    channels: Channels

    async def stop(self) -> None:
        """Close every connection; first those of whoever uses the others'."""
        await self.channels.stop()
        if self.registry is not None:
            await self.registry.stop()
        if self.replicas is not None:
            await self.replicas.stop()
        await self.isolation.stop()


async def open_parts(
    config: Config, engine: AsyncEngine | None, *, crowded: Callable[[], bool] = lambda: False
) -> Parts:
    """Make and start what the configuration describes.

    Args:
        config: The configuration.
        engine: An engine that the application already has; else one is made.
        crowded: Whether requests wait for their tenant's turn.

    Raises:
        SetupError: When something is unsafe or missing, with what mends it.
        ServiceUnavailable: When the database cannot be reached.
    """
    if config.multitenancy.strategy == "database":
        if engine is not None:
            raise SetupError(
                '[multitenancy] strategy = "database": each tenant has its own engine, which no '
                "other can stand in for. Leave `engine` out"
            )
        if config.database.replica_urls:
            raise SetupError(
                '[database] replica_urls: with strategy = "database" each tenant has a server of '
                "its own, which none of them is a replica of. Leave replica_urls out"
            )
        return await _by_database(config)
    owned = engine is None
    engine = engine or _engine(config)
    isolation = _shared_isolation(config, engine, owned=owned, crowded=crowded)
    replicas = _replicas(config, engine)
    places = SharedDatabase(config, engine, _announced_as(isolation))
    try:
        await isolation.start()
        if replicas is not None:
            await replicas.start()
        registry = await _registry(config, engine)
        return Parts(isolation, registry, replicas, _channels(config, places))
    except BaseException:
        if replicas is not None:
            await replicas.stop()
        await isolation.stop()
        raise


def _engine(config: Config, url: SecretUrl | None = None) -> AsyncEngine:
    by_schema = config.multitenancy.strategy == "schema"
    return engine_by_schema(config, url=url) if by_schema else create_engine(config, url=url)


def _replicas(config: Config, engine: AsyncEngine) -> Replicas | None:
    database = config.database
    if not database.replica_urls:
        return None
    writes = RecentWrites(database.read_your_writes_seconds)
    replicas = [
        Replica(_shared_isolation(config, _engine(config, url), owned=True), url.redacted)
        for url in database.replica_urls
    ]
    patience = database.statement_timeout_ms / 1000 + 1
    return Replicas(replicas, engine, writes, patience=patience)


def _shared_isolation(
    config: Config,
    engine: AsyncEngine,
    *,
    owned: bool,
    crowded: Callable[[], bool] = lambda: False,
) -> RowIsolation | SchemaIsolation:
    multitenancy, timeout = config.multitenancy, config.database.pool_timeout
    pooler = config.database.pooler
    carried = connection_settings(config) if pooler == "transaction" else None
    if multitenancy.strategy == "schema":
        uuids = multitenancy.id_type == "uuid"
        roles = multitenancy.role_template
        return SchemaIsolation(
            engine,
            names=SchemaNames(multitenancy.schema_template, uuids=uuids),
            shared=multitenancy.shared_schemas,
            roles=SchemaNames(roles, uuids=uuids) if roles else None,
            timeout=timeout,
            owned=owned,
            pooler=pooler,
            carried=carried,
        )
    return RowIsolation(
        engine,
        setting=multitenancy.bound_setting,
        timeout=timeout,
        owned=owned,
        pooler=pooler,
        carried=carried,
        crowded=crowded,
        seal=tenant_values(config),
    )


async def _by_database(config: Config) -> Parts:
    live = await LiveRegistry.of_routing_table(config)
    isolation = DatabaseIsolation.of(config, live.registry, live.source.sample)
    try:
        await isolation.start()
    except BaseException:
        await live.stop()
        raise
    return Parts(isolation, live, None, _channels(config, OwnDatabases(config, isolation)))


def _channels(config: Config, places: Places) -> Channels:
    return Channels(places, waiting=config.multitenancy.limits.waiting_events)


def _announced_as(isolation: RowIsolation | SchemaIsolation) -> Callable[[str], str | None]:
    """What an announcement of a row calls its tenant: its column, or the schema of the table."""
    by_schema = isinstance(isolation, SchemaIsolation)
    return isolation.place_of if by_schema else lambda tenant_id: tenant_id


async def _registry(config: Config, engine: AsyncEngine) -> LiveRegistry | None:
    table = config.multitenancy.tenants_table
    return None if table is None else await LiveRegistry.of_tenants_table(config, engine, table)


def refuse_unsafe(config: Config, rules: TenantRules, *, authenticated: bool) -> None:
    """Refuse a configuration under which anybody could be any tenant, and say what is risky.

    Args:
        config: The configuration.
        rules: How tenants are told apart.
        authenticated: Whether tokens are verified.

    Raises:
        SetupError: With what mends it.
    """
    if not config.multitenancy.enabled:
        raise SetupError(
            "[multitenancy] enabled = false: nothing would keep tenants apart, so nothing is served"
        )
    for warning in config.warnings:
        _log.warning("%s", warning)
    if authenticated or config.multitenancy.trust_header:
        return
    if config.production:
        raise SetupError(
            "FRAISEQL_ENV=production, and no authentication is configured: anyone could name "
            f"any tenant in {rules.header}. Set JWT_SECRET or [auth]; or, behind a "
            "gateway that sets the header itself, [multitenancy] trust_header = true"
        )
    _log.warning(
        "NO AUTHENTICATION: whoever sends %s is that tenant. Good for a first try, never for "
        "production: set JWT_SECRET or [auth].",
        rules.header,
    )

"""The parts of one deployment, from its start to its stop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from ..admin import AdminDatabase
from ..channels import Channels, SubscriptionQuota
from ..config import Config
from ..errors import SetupError
from ..isolation import Isolation
from ..registry import Registry
from ..turns import TenantTurns
from ..wiring import Parts, open_parts, refuse_unsafe
from .caller import CallerReader

__all__ = ["Deployment"]


class Deployment:
    """Opens what the configuration describes, and closes it.

    Args:
        config: The validated configuration.
        engine: An engine that the application already has; else one is made from `[database]`.
    """

    def __init__(self, config: Config, *, engine: AsyncEngine | None = None) -> None:
        self.config = config
        self.caller = CallerReader(config)
        self.rules = self.caller.rules
        self.admin_db: AdminDatabase | None = None
        self.subscriptions = SubscriptionQuota(config.multitenancy.limits.subscriptions)
        # A database of its own has a pool of its own, which is the limit: one line to wait in.
        by_database = config.multitenancy.strategy == "database"
        self.turns = TenantTurns(
            sys.maxsize if by_database else config.database.turns_of_a_tenant,
            timeout=config.database.pool_timeout,
        )
        self._given_engine = engine
        self._parts: Parts | None = None
        self._registry: Registry | None = None
        self._starting = asyncio.Lock()
        self._prepare: list[Callable[[], Awaitable[object]]] = []
        self._changed: list[Callable[[str | None], object]] = []

    async def start(self) -> None:
        """Open the engine and refuse what cannot keep tenants apart; harmless when running.

        Engines are made here and not in `__init__`, so they are made after a fork.

        Raises:
            SetupError: When the configuration or the database role is unsafe.
            ServiceUnavailable: When the database cannot be reached.
        """
        async with self._starting:
            if self._parts is not None:
                return
            refuse_unsafe(self.config, self.rules, authenticated=self.caller.verifier is not None)
            self._parts = parts = await open_parts(
                self.config, self._given_engine, crowded=self.turns.anyone_waits
            )
            if self.config.database.admin_url is not None:
                self.admin_db = AdminDatabase(self.config.database.admin_url.reveal())
            self._registry = None if parts.registry is None else parts.registry.registry
            if self._registry is not None:
                self._registry.watch(parts.channels.moved)
            try:
                for prepare in self._prepare:
                    await prepare()
                if parts.registry is not None:
                    parts.registry.start()
            except BaseException:
                await self.stop()
                raise

    def when_started(self, prepare: Callable[[], Awaitable[object]]) -> None:
        """Call `prepare` at each start, before the first request; what it raises ends the start."""
        self._prepare.append(prepare)

    def when_changed(self, forget: Callable[[str | None], object]) -> None:
        """Call `forget` with a tenant, or None for all, whenever what is known of it changed."""
        self._changed.append(forget)

    def changed(self, tenant_id: str | None = None) -> None:
        """Believe nothing any more of what is remembered of a tenant, or of all.

        Args:
            tenant_id: The canonical tenant, whose status or tables changed; None for all.
        """
        if self._registry is not None:
            self._registry.forget(tenant_id)
        if self._parts is not None:
            for forget in self._changed:
                forget(tenant_id)

    async def stop(self) -> None:
        """Close every connection."""
        parts, self._parts = self._parts, None
        admin, self.admin_db = self.admin_db, None
        if parts is not None:
            await parts.stop()
        if admin is not None:
            await admin.close()

    async def ready(self) -> None:
        """Whether requests can be served now: the database answers and its role is safe.

        Raises:
            ServiceUnavailable: When the database does not answer.
            UnsafeDatabase: When the role has become one that policies do not hold.
        """
        await self.isolation.verify()

    @property
    def isolation(self) -> Isolation:
        """The strategy in use.

        Raises:
            SetupError: Before `start()`.
        """
        return self.parts.isolation

    @property
    def channels(self) -> Channels:
        """What subscribers hear of.

        Raises:
            SetupError: Before `start()`.
        """
        return self.parts.channels

    @property
    def registry(self) -> Registry | None:
        """Who is served; None where every verified tenant is."""
        return self._registry

    def place_of(self, tenant_id: str | None) -> str | None:
        """Where a tenant's objects are (see `Isolation.place_of`); None before `start()`."""
        return None if self._parts is None else self._parts.isolation.place_of(tenant_id)

    @property
    def parts(self) -> Parts:
        """What serves tenants.

        Raises:
            SetupError: Before `start()`.
        """
        if self._parts is None:
            raise SetupError(
                "the tenancy has not been started: use FastAPI(lifespan=tenancy.lifespan), "
                "tenancy.install(app), or `async with tenancy:`"
            )
        return self._parts

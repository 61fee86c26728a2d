"""Tenant → engine: made on first use, kept while it is used, forgotten when nobody misses it."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import islice
from typing import cast
from weakref import WeakValueDictionary

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ..config.secret import Secret
from ..errors import PlacementRefused
from .budget import ConnectionBudget
from .connecting import ConnectOptions, Connector
from .gate import Gate
from .membership import Membership
from .tenant_pool import TenantPool
from .tenant_url import TenantUrl, TenantUrlRules, parse_tenant_url

__all__ = ["EngineOptions", "TenantEngine", "TenantEngines"]

_SPARE = 4  # engines without a connection that are kept, for each connection of the budget
_STATEMENTS = 100  # of SQLAlchemy's compiled ones per engine, of 500 by default


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How tenants' engines are made.

    Args:
        per_tenant: The most connections of one tenant.
        pool_timeout: Seconds that a connection is waited for.
        idle_seconds: How long an unused connection stays open, and an unused engine is kept.
        connect: How connections are made.
        urls: Which URLs are admitted.
    """

    per_tenant: int = 4
    pool_timeout: float = 5.0
    idle_seconds: float = 60.0
    connect: ConnectOptions = field(default_factory=ConnectOptions)
    urls: TenantUrlRules = field(default_factory=TenantUrlRules)


class TenantEngine:
    """An engine and who uses it."""

    __slots__ = ("engine", "membership", "unused_since", "url", "users", "written")

    def __init__(
        self, engine: AsyncEngine, membership: Membership, url: TenantUrl, written: Secret
    ) -> None:
        self.engine = engine
        self.membership = membership  # which keeps the server's gate
        self.url = url
        self.written = written
        self.users = 0
        self.unused_since = time.monotonic()

    @property
    def pool(self) -> TenantPool:
        """Its pool."""
        return cast(TenantPool, self.engine.pool)

    @property
    def in_use(self) -> bool:
        """Whether somebody uses it or it has a connection."""
        return self.users > 0 or self.pool.connections > 0


class TenantEngines:
    """The engines of all tenants, on one budget.

    An engine that is replaced or forgotten is *drained*: whoever uses it goes on, its connections
    are closed as they are given back, and nothing is left of it then. `engine.dispose()` while a
    connection is out would revive the engine and leak the connection (SECURITY.md, connections).

    Args:
        budget: Of the whole process.
        options: How they are made.
    """

    def __init__(self, budget: ConnectionBudget, options: EngineOptions) -> None:
        self.budget = budget
        self._options = options
        self._engines: OrderedDict[str, TenantEngine] = OrderedDict()  # least recently used first
        self._draining: set[TenantEngine] = set()
        self._servers: WeakValueDictionary[str, Gate] = WeakValueDictionary()
        self._sweeping: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._engines)

    def pin(self, tenant_id: str, written: Secret) -> TenantEngine:
        """The tenant's engine, kept until it is unpinned; made if there is none yet.

        There is no await between the look and the making, so however many requests wait, there is
        one engine.

        Args:
            tenant_id: The canonical tenant.
            written: The URL that is registered for it now; where that has changed, those who use
                the old engine go on with it.

        Raises:
            PlacementRefused: The URL is not admitted.
        """
        found = self._engines.get(tenant_id)
        if found is None or (found.written is not written and found.written != written):
            made = self._make(tenant_id, written)
            if found is not None:
                self.forget(tenant_id)
            found = self._engines[tenant_id] = made
            self._trim()
        else:
            found.written = written  # the registry's newest, so that the next look is quick
            self._engines.move_to_end(tenant_id)
        found.users += 1
        return found

    def unpin(self, engine: TenantEngine) -> None:
        """It is no longer used by one who pinned it."""
        engine.users -= 1
        if not engine.users:
            engine.unused_since = time.monotonic()
            if engine in self._draining and not engine.in_use:
                self._draining.discard(engine)

    def forget(self, tenant_id: str) -> None:
        """Drain a tenant's engine: it was moved, suspended or deleted."""
        engine = self._engines.pop(tenant_id, None)
        if engine is not None:
            engine.pool.retire()
            if engine.in_use:
                self._draining.add(engine)

    def start(self) -> None:
        """Begin to close what is idle, now and then."""
        loop = asyncio.get_running_loop()
        pause = min(15.0, max(0.05, self._options.idle_seconds / 4))

        def sweep() -> None:
            self.sweep()
            self._sweeping = loop.call_later(pause, sweep)

        self._sweeping = loop.call_later(pause, sweep)

    async def stop(self) -> None:
        """Close every connection that is not in use; the others are closed when given back."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        pools = [engine.pool for engine in (*self._engines.values(), *self._draining)]
        for tenant_id in tuple(self._engines):
            self.forget(tenant_id)
        await asyncio.gather(*(pool.settled() for pool in pools))

    def sweep(self) -> None:
        """Close connections that are idle for too long; forget engines that nobody has missed."""
        since = time.monotonic() - self._options.idle_seconds
        self._draining = {engine for engine in self._draining if engine.in_use}
        for tenant_id, engine in tuple(self._engines.items()):
            engine.pool.close_idle(since)
            if not engine.in_use and engine.unused_since <= since:
                self.forget(tenant_id)

    def _trim(self) -> None:
        """Keep engines that have no connection within bounds, however many tenants there are."""
        excess = len(self._engines) - (1 + _SPARE) * self.budget.limit
        if excess <= 0:
            return
        unused = (name for name, engine in self._engines.items() if not engine.in_use)
        for tenant_id in tuple(islice(unused, excess)):
            self.forget(tenant_id)

    def _make(self, tenant_id: str, written: Secret) -> TenantEngine:
        options = self._options
        try:
            url = parse_tenant_url(written.reveal(), options.urls)
        except PlacementRefused as error:
            raise PlacementRefused(hint=f"tenant {tenant_id}: {error.hint}") from None
        membership = Membership(
            self.budget,
            self._server(url.server),
            limit=options.per_tenant,
            timeout=options.pool_timeout,
        )
        connect_args: dict[str, object] = {
            "async_creator_fn": Connector(tenant_id, url, options.connect, membership)
        }
        if options.connect.pooler == "transaction":
            connect_args["prepared_statement_cache_size"] = 0
        engine = create_async_engine(
            # The connector knows the rest; what is not here cannot be shown.
            URL.create("postgresql+asyncpg", host=url.host, port=url.port, database=url.database),
            poolclass=TenantPool,
            pool_size=options.per_tenant,
            max_overflow=0,
            connect_args=connect_args,
            query_cache_size=_STATEMENTS,
            # A statement in a log line or an error shows no row of any tenant.
            hide_parameters=True,
        )
        cast(TenantPool, engine.pool).join(membership)
        return TenantEngine(engine, membership, url, written)

    def _server(self, name: str) -> Gate:
        gate = self._servers.get(name)
        if gate is None:
            # A quarter of the budget at a time: a server that hangs leaves the rest to the others.
            gate = self._servers[name] = Gate(max(1, self.budget.limit // 4))
        return gate

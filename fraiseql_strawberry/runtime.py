"""One deployment at run time: configuration, keys, registry, isolation, sessions."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from .admin import AdminDatabase
from .auth import Claims, Verifier, bearer_token
from .channels import Channels, SubscriptionQuota
from .config import Config
from .errors import SetupError, TenancyError, TenantSwitchRefused, Unauthorized
from .events import (
    Observer,
    SessionOpened,
    StatementRun,
    TenantRefused,
    TenantResolved,
    notify,
)
from .isolation import CompiledQuery, Isolation, Transaction, Work
from .registry import LiveRegistry, Registry
from .replicas import Replicas
from .request_limit import RequestLimit
from .resolve import TenantRules, header_values, resolve_tenant
from .scope import RequestScope, current_scope, enter_scope, find_scope
from .session import Lease, end_session, open_session, was_cut
from .tenant import canonical_tenant_id
from .trouble import translated, translated_after_cut
from .turns import TenantTurns
from .verification import build_verifier
from .wiring import open_parts, refuse_unsafe

__all__ = ["Running", "Runtime", "running"]

T = TypeVar("T")

Headers = Sequence[tuple[bytes, bytes]]


class Running(NamedTuple):
    """The runtime and the scope that the running code belongs to."""

    runtime: Runtime
    scope: RequestScope


class Runtime:
    """Knows how the parts work together; knows nothing of FastAPI or Strawberry.

    Args:
        config: The validated configuration.
        engine: An engine that the application already has; else one is made from `[database]`.
        session_class: The application's own `AsyncSession` class.
        observers: Called with every event.
    """

    def __init__(
        self,
        config: Config,
        *,
        engine: AsyncEngine | None = None,
        session_class: type[AsyncSession] = AsyncSession,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.config = config
        self.session_class = session_class
        self.observers: tuple[Observer, ...] = tuple(observers)
        self.middleware: tuple[Any, ...] = ()
        self.extras: dict[type, Any] = {}  # what layers above keep with a deployment
        self.verifier: Verifier | None = build_verifier(config)
        self.rules = TenantRules(
            header=config.multitenancy.tenant_header,
            id_type=config.multitenancy.id_type,
            auth_configured=self.verifier is not None,
            production=config.production,
            trust_header=config.multitenancy.trust_header,
        )
        self._header = config.multitenancy.tenant_header.lower().encode("ascii")
        self.admin_db: AdminDatabase | None = None
        self._given_engine = engine
        self._isolation: Isolation | None = None
        self._registry: Registry | None = None
        self._live: LiveRegistry | None = None
        self._replicas: Replicas | None = None
        self._channels: Channels | None = None
        limits = config.multitenancy.limits
        self.subscriptions = SubscriptionQuota(limits.subscriptions)
        self._limit: RequestLimit | None = None
        if limits.requests is not None:
            self._limit = RequestLimit(limits.requests, limits.period_seconds, burst=limits.burst)
        # A database of its own has a pool of its own, which is the limit: one line to wait in.
        by_database = config.multitenancy.strategy == "database"
        self.turns = TenantTurns(
            sys.maxsize if by_database else config.database.turns_of_a_tenant,
            timeout=config.database.pool_timeout,
        )
        self._starting = asyncio.Lock()
        self._prepare: list[Callable[[], Awaitable[object]]] = []
        self._changed: list[Callable[[str | None], object]] = []

    # -- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the engine and refuse what cannot keep tenants apart; harmless when running.

        Engines are made here and not in `__init__`, so they are made after a fork.

        Raises:
            SetupError: When the configuration or the database role is unsafe.
            ServiceUnavailable: When the database cannot be reached.
        """
        async with self._starting:
            if self._isolation is not None:
                return
            refuse_unsafe(self.config, self.rules, authenticated=self.verifier is not None)
            parts = await open_parts(
                self.config, self._given_engine, crowded=self.turns.anyone_waits
            )
            if self.config.database.admin_url is not None:
                self.admin_db = AdminDatabase(self.config.database.admin_url.reveal())
            self._isolation, self._live = parts.isolation, parts.registry
            self._registry = None if self._live is None else self._live.registry
            self._replicas, self._channels = parts.replicas, parts.channels
            if self._registry is not None:
                self._registry.watch(parts.channels.moved)
            try:
                for prepare in self._prepare:
                    await prepare()
                if self._live is not None:
                    self._live.start()
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
        if self._isolation is not None:
            for forget in self._changed:
                forget(tenant_id)

    async def stop(self) -> None:
        """Close every connection."""
        isolation, self._isolation = self._isolation, None
        live, self._live = self._live, None
        replicas, self._replicas = self._replicas, None
        channels, self._channels = self._channels, None
        admin, self.admin_db = self.admin_db, None
        if channels is not None:
            await channels.stop()
        if live is not None:
            await live.stop()
        if replicas is not None:
            await replicas.stop()
        if isolation is not None:
            await isolation.stop()
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
        if self._isolation is None:
            raise SetupError(
                "the tenancy has not been started: use FastAPI(lifespan=tenancy.lifespan), "
                "tenancy.install(app), or `async with tenancy:`"
            )
        return self._isolation

    @property
    def channels(self) -> Channels:
        """What subscribers hear of.

        Raises:
            SetupError: Before `start()`.
        """
        if self._channels is None:
            raise SetupError("the tenancy has not been started")
        return self._channels

    def place_of(self, tenant_id: str | None) -> str | None:
        """Where a tenant's objects are (see `Isolation.place_of`); None before `start()`."""
        return None if self._isolation is None else self._isolation.place_of(tenant_id)

    @property
    def registry(self) -> Registry | None:
        """Who is served; None where every verified tenant is."""
        return self._registry

    # -- who ----------------------------------------------------------------------------------

    async def resolve(self, scope: RequestScope, headers: Headers) -> None:
        """Find out the caller and its tenant, once per request.

        Raises:
            Unauthorized: When the token is invalid.
            TenantMismatch: When header and token disagree.
            BadUserInput: When the tenant header is malformed.
            RateLimited: When the tenant asks too often.
        """
        if scope.resolved:
            return
        try:
            scope.claims = await self._claims(headers)
            found = resolve_tenant(
                claims=scope.claims,
                header_values=header_values(headers, self._header),
                rules=self.rules,
            )
        except TenancyError as error:
            notify(self.observers, TenantRefused(error.code, error.hint or error.message))
            raise
        if found.tenant_id is not None:
            scope.bind(found.tenant_id, found.source)
            if self.observers:
                notify(self.observers, TenantResolved(found.tenant_id, found.source))
            self.count(found.tenant_id)
        scope.runtime = self
        scope.resolved = True

    def count(self, tenant_id: str, requests: int = 1) -> None:
        """Count requests of a tenant against its limit: once it is verified, and before any SQL.

        Each HTTP request is counted where its tenant is found out. What one of them brings more,
        in a batch or over a socket, is counted by whoever takes it apart.

        Raises:
            RateLimited: When it asks too often.
        """
        if self._limit is not None:
            try:
                self._limit.spend(tenant_id, requests)
            except TenancyError as error:
                notify(self.observers, TenantRefused(error.code, error.hint or error.message))
                raise

    async def _claims(self, headers: Headers) -> Claims:
        token = bearer_token(headers)
        if token is None:
            return Claims()
        if self.verifier is None:
            return Claims()  # no auth is configured, so a token says nothing
        return self.verifier.verify_cached(token) or await self.verifier.verify(token)

    async def admit(self, tenant_id: str) -> None:
        """Refuse a tenant that is not served.

        Raises:
            TenantUnavailable: Unknown, suspended or archived.
        """
        registry = self._registry
        if registry is not None and registry.peek(tenant_id) is None:
            with translated():
                await registry.admit(tenant_id)

    # -- work ---------------------------------------------------------------------------------

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[AsyncSession]:
        """A session of the running tenant; commits when the block ends, rolls back on an error.

        Raises:
            Unauthorized: When there is no tenant.
            TenantUnavailable: When it is not served.
            TenantBusy: When no connection became free in time.
            ServiceUnavailable: When the database cannot be reached.
        """
        scope = current_scope()
        tenant_id = scope.require_tenant()
        if scope.unit is not None:  # atomic: its one session, in turns
            with translated():
                async with scope.unit.turn() as shared:
                    yield shared
            return
        await self.admit(tenant_id)
        async with self.isolation.engine(tenant_id) as engine:
            session = open_session(
                self.isolation,
                tenant_id,
                scope,
                engine=engine,
                turns=self.turns,
                session_class=self.session_class,
            )
            notify(self.observers, SessionOpened(tenant_id))
            try:
                with translated():
                    async with session:  # closes it shielded, whatever happens
                        with translated_after_cut(lambda: was_cut(session)):
                            yield session
                            # The commit is part of the block: its failure is an error the caller
                            # sees (SECURITY.md, the seven, 1).
                            await session.commit()
            finally:
                end_session(session)

    async def read(self, query: CompiledQuery) -> str | None:
        """Run a compiled read as the running tenant; its transaction ends with it.

        Raises:
            Unauthorized: When there is no tenant.
            TenantBusy: When no connection became free in time.
            ServiceUnavailable: When the database cannot be reached.
        """
        scope = current_scope()
        tenant_id = scope.require_tenant()
        with translated():
            if scope.unit is not None:  # what the operation wrote must be seen
                async with scope.unit.turn() as session:
                    connection = await session.connection()
                    return await self.isolation.read_in(connection, tenant_id, query)
            async with Lease(scope, self.turns, tenant_id).hold():
                return await self._read(tenant_id, query)

    async def read_as(self, tenant_id: str, query: CompiledQuery) -> str | None:
        """Run a compiled read as a tenant that has been admitted; whoever calls has a permit."""
        turns = self.turns
        if not turns.take(tenant_id):
            await turns.wait(tenant_id)
        try:
            return await self._read(tenant_id, query)
        finally:
            turns.give_back(tenant_id)

    async def _read(self, tenant_id: str, query: CompiledQuery) -> str | None:
        if not self.observers:
            return await self._ask(tenant_id, query)
        started = time.perf_counter()
        text = await self._ask(tenant_id, query)
        seconds = time.perf_counter() - started
        notify(self.observers, StatementRun(tenant_id, query.sql(None), seconds))
        return text

    async def _ask(self, tenant_id: str, query: CompiledQuery) -> str | None:
        if self._replicas is not None and not _fresh():
            answer = await self._replicas.read(tenant_id, query)
            if answer is not None:
                return answer.text
        return await self.isolation.read(tenant_id, query)

    async def write(self, work: Work[T]) -> T:
        """Do some work in a transaction of the running tenant's, and commit it.

        In an atomic operation it is done in the operation's own transaction, which commits later.

        Raises:
            Unauthorized: When there is no tenant.
            TenantBusy: When no connection became free in time.
        """
        scope = current_scope()
        tenant_id = scope.require_tenant()
        if scope.unit is not None:
            async with scope.unit.turn() as session:
                raw = await (await session.connection()).get_raw_connection()
                driver: Any = raw.driver_connection
                return await work(self.isolation.transaction_on(driver, tenant_id))
        async with Lease(scope, self.turns, tenant_id).hold():
            return await self._write(tenant_id, work)

    async def write_as(self, tenant_id: str, work: Work[T]) -> T:
        """The same for a tenant that has been admitted; whoever calls has a permit."""
        turns = self.turns
        if not turns.take(tenant_id):
            await turns.wait(tenant_id)
        try:
            return await self._write(tenant_id, work)
        finally:
            turns.give_back(tenant_id)

    async def _write(self, tenant_id: str, work: Work[T]) -> T:
        replicas, observers = self._replicas, self.observers
        committing = None if replicas is None else replicas.committing(tenant_id)
        if not observers:
            return await self.isolation.write(tenant_id, work, committing)

        def seen(statement: str, seconds: float) -> None:
            notify(observers, StatementRun(tenant_id, statement, seconds))

        async def observed(transaction: Transaction) -> T:
            transaction.observe = seen
            return await work(transaction)

        return await self.isolation.write(tenant_id, observed, committing)

    @asynccontextmanager
    async def as_tenant(self, tenant_id: str) -> AsyncGenerator[RequestScope]:
        """Run a block as a tenant: for jobs, scripts and tests.

        Args:
            tenant_id: The tenant, in the form that `id_type` names.

        Raises:
            Unauthorized: When the id is not of that form.
            TenantSwitchRefused: Inside a request of another tenant.
        """
        canonical = canonical_tenant_id(tenant_id, self.config.multitenancy.id_type)
        if canonical is None:
            raise Unauthorized(
                hint=f"{tenant_id!r} is no {self.config.multitenancy.id_type} tenant id"
            )
        ambient = find_scope()
        if (
            ambient is not None
            and ambient.source != "code"
            and ambient.tenant_id not in (None, canonical)
        ):
            raise TenantSwitchRefused(
                hint="this request belongs to another tenant; start a job instead"
            )
        await self.start()
        with enter_scope(RequestScope(canonical, source="code", runtime=self)) as scope:
            yield scope


def _fresh() -> bool:
    scope = find_scope()
    operation = None if scope is None else scope.operation
    return operation is not None and operation.fresh


def running() -> Running:
    """The runtime and the scope of the running request or job.

    Raises:
        Unauthorized: Outside of any.
    """
    scope = current_scope()
    if not isinstance(scope.runtime, Runtime):
        raise Unauthorized(hint="this request was not resolved by a tenancy")
    return Running(scope.runtime, scope)

"""Who is asking, and what is done as a tenant."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from ..config import Config
from ..errors import TenancyError, TenantSwitchRefused, Unauthorized
from ..events import Observer, SessionOpened, TenantRefused, TenantResolved, notify
from ..isolation import CompiledQuery, Work
from ..request_limit import RequestLimit
from ..scope import RequestScope, current_scope, enter_scope, find_scope
from ..session import Lease, end_session, open_session, was_cut
from ..tenant import canonical_tenant_id
from ..trouble import translated, translated_after_cut
from .caller import Headers
from .deployment import Deployment
from .statements import run_read, run_write

__all__ = ["Runtime"]

T = TypeVar("T")


class Runtime(Deployment):
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
        super().__init__(config, engine=engine)
        self.session_class = session_class
        self.observers: tuple[Observer, ...] = tuple(observers)
        self.middleware: tuple[Any, ...] = ()
        self.extras: dict[type, Any] = {}  # what layers above keep with a deployment
        limits = config.multitenancy.limits
        self._limit: RequestLimit | None = None
        if limits.requests is not None:
            self._limit = RequestLimit(limits.requests, limits.period_seconds, burst=limits.burst)

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
            scope.claims = await self.caller.claims(headers)
            found = self.caller.tenant(scope.claims, headers)
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
                return await run_read(self.parts, self.observers, tenant_id, query)

    async def read_as(self, tenant_id: str, query: CompiledQuery) -> str | None:
        """Run a compiled read as a tenant that has been admitted; whoever calls has a permit."""
        turns = self.turns
        if not turns.take(tenant_id):
            await turns.wait(tenant_id)
        try:
            return await run_read(self.parts, self.observers, tenant_id, query)
        finally:
            turns.give_back(tenant_id)

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
            return await run_write(self.parts, self.observers, tenant_id, work)

    async def write_as(self, tenant_id: str, work: Work[T]) -> T:
        """The same for a tenant that has been admitted; whoever calls has a permit."""
        turns = self.turns
        if not turns.take(tenant_id):
            await turns.wait(tenant_id)
        try:
            return await run_write(self.parts, self.observers, tenant_id, work)
        finally:
            turns.give_back(tenant_id)

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

"""The façade: what a user holds. It wires one runtime into FastAPI and Strawberry."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from .check import refuse_unsafe_database
from .config import Config, load_config, with_overrides
from .errors import TenancyError
from .events import Observer
from .fastapi import ScopeMiddleware, answer_error, set_runtime, share_runtime
from .graphql.context_getter import tenant_context_getter
from .graphql.extension import TenancyExtension
from .graphql.middleware import Middleware
from .lifecycle import TenantRecord, TenantResult, Tenants
from .lifecycle.everyone import run_for_each, session_over_all, who_runs_this
from .lifecycle.migrations import Migrations
from .runtime import Runtime
from .tenant import TenantStatus

__all__ = ["Tenancy"]

T = TypeVar("T")


class Tenancy(Runtime):
    """Multi-tenancy for one application.

    Three ways in: `TenantSession` in FastAPI routes after `install(app)`; our `GraphQLRouter`;
    `extension` and `context` in a Strawberry schema and router that are already there.

    Args:
        config: The configuration; by default what the environment says (`DATABASE_URL`,
            `JWT_SECRET`).
        engine: An engine that the application already has.
        session_class: The application's own `AsyncSession` class.
        middleware: Middlewares for schemas that were not made by `build_schema`.
        observers: Called with every event, such as a `TenantResolved`.
        migrations: What makes a tenant's tables, in place of `[multitenancy] migrations`.
        **sections: Keys of `[multitenancy]` that override the configuration, such as
            `strategy="row"` or `tenant_header="X-Org"`.

    Raises:
        ConfigError: When the configuration does not hold together.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        engine: AsyncEngine | None = None,
        session_class: type[AsyncSession] = AsyncSession,
        middleware: Sequence[Middleware] = (),
        observers: Sequence[Observer] = (),
        migrations: Migrations | None = None,
        **sections: Any,
    ) -> None:
        config = config if config is not None else Config.from_env()
        if sections:
            config = with_overrides(config, {"multitenancy": sections})
        super().__init__(config, engine=engine, session_class=session_class, observers=observers)
        self.middleware = tuple(middleware)
        self.when_started(functools.partial(refuse_unsafe_database, self))
        self.tenants = self.extras[Tenants] = Tenants(self, migrations=migrations)

    @classmethod
    def from_toml(
        cls,
        path: str | Path = "fraiseql.toml",
        *,
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Self:
        """Read `fraiseql.toml`.

        Args:
            path: The file.
            env: What `${…}` is taken from; the process's environment by default.
            **options: As for `Tenancy` itself.

        Raises:
            ConfigError: With file, line and the nearest valid key.
        """
        return cls(load_config(path, env), **options)

    async def __aenter__(self) -> Self:
        """Start, for scripts and jobs: `async with tenancy: …`."""
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Close every connection."""
        await self.tenants.close()
        await super().stop()

    # -- all tenants --------------------------------------------------------------------------

    @asynccontextmanager
    async def all_tenants(
        self, *, reason: str, writes: bool = False
    ) -> AsyncGenerator[AsyncSession]:
        """A session that sees the rows of all tenants: the administrator's, which no policy holds.

        Its use is written down in `fraiseql.all_tenants_uses` before its first statement. Under
        schema or database isolation it sees the control database, and names schemas itself.

        Args:
            reason: Why all of them are needed at once, for whoever reads the audit.
            writes: Whether it may write; else PostgreSQL refuses to.

        Raises:
            SetupError: There is no reason, or no `[database] admin_url`.
            ServiceUnavailable: When the database cannot be reached.
        """
        async with session_over_all(
            self.tenants.parts.administrator,
            self.session_class,
            reason=reason,
            used_by=who_runs_this(),
            writes=writes,
        ) as session:
            yield session

    async def each_tenant(
        self,
        work: Callable[[TenantRecord], Awaitable[T]],
        *,
        concurrency: int = 4,
        tag: str | None = None,
        plan: str | None = None,
        on_result: Callable[[TenantResult[T]], object] | None = None,
    ) -> list[TenantResult[T]]:
        """Call a function for every active tenant, as that tenant.

        Within the function `tenancy.session()` is the tenant's, like in a request of its. What it
        raises is that tenant's result, and does not stop the others.

        Args:
            work: The function; it is given the tenant.
            concurrency: How many run at a time.
            tag: Only tenants with this tag.
            plan: Only tenants on this plan.
            on_result: Is called with each result as it comes.

        Returns:
            A result for each tenant, in the order of their ids.
        """
        tenants = await self.tenants.list(status=TenantStatus.ACTIVE, tag=tag, plan=plan)
        return await run_for_each(self, tenants, work, concurrency=concurrency, on_result=on_result)

    # -- FastAPI ------------------------------------------------------------------------------

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncGenerator[None]:
        """For `FastAPI(lifespan=tenancy.lifespan)`: start before the first request, stop after.

        Apps that are mounted in it share the tenancy; their own lifespans never run.
        """
        set_runtime(app, self)
        share_runtime(app, self)
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    def install(self, app: FastAPI) -> None:
        """Add the tenancy to an app that is already there: lifespan, error bodies, dependencies.

        The app's own lifespan runs inside of ours, so it can use the tenancy.

        Args:
            app: The application, before it serves its first request.
        """
        set_runtime(app, self)
        app.add_middleware(ScopeMiddleware)
        app.add_exception_handler(TenancyError, answer_error)
        inner = app.router.lifespan_context

        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncGenerator[Mapping[str, Any] | None]:
            async with self.lifespan(app), inner(app) as state:
                yield state

        app.router.lifespan_context = cast(Any, lifespan)

    # -- Strawberry ---------------------------------------------------------------------------

    @property
    def extension(self) -> Callable[[], TenancyExtension]:
        """For `strawberry.Schema(Query, Mutation, extensions=[tenancy.extension])`."""
        return functools.partial(TenancyExtension, self, self.middleware)

    def context(self, getter: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """For Strawberry's router: `context_getter=tenancy.context(my_context)`.

        Args:
            getter: The application's own context getter, with dependencies of its own if it
                likes; None for a context of ours alone.

        Returns:
            A context getter that adds the tenant to what the application's own one gives.
        """
        return tenant_context_getter(self, getter)

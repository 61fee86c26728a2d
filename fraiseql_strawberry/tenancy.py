"""The façade: what a user holds. It wires one runtime into FastAPI and Strawberry."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, cast

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
from .runtime import Runtime

__all__ = ["Tenancy"]


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
        **sections: Any,
    ) -> None:
        config = config if config is not None else Config.from_env()
        if sections:
            config = with_overrides(config, {"multitenancy": sections})
        super().__init__(config, engine=engine, session_class=session_class, observers=observers)
        self.middleware = tuple(middleware)
        self.when_started(functools.partial(refuse_unsafe_database, self))

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

"""FastAPI: a session as a route's parameter, error bodies, and the scope of each request."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, cast
from uuid import uuid4

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import SetupError, TenancyError, UsageError
from .runtime import Runtime
from .scope import RequestScope, enter_scope, replace_scope

__all__ = [
    "CurrentTenant",
    "ScopeMiddleware",
    "SessionMarker",
    "SyncTenantSession",
    "TenantSession",
    "answer_error",
    "find_runtime",
    "runtime_of",
    "scope_of",
]

_log = logging.getLogger("fraiseql_strawberry")

_SCOPE = "fraiseql_scope"
_RUNTIME = "fraiseql_tenancy"


@dataclass(frozen=True, slots=True)
class SessionMarker:
    """Marks the annotations that are tenant sessions, for resolvers."""

    sync: bool


def runtime_of(connection: HTTPConnection) -> Runtime:
    """The tenancy of the app that serves a request.

    Raises:
        SetupError: When the app has none.
    """
    return find_runtime(connection.app)


def find_runtime(app: Any) -> Runtime:
    """The tenancy of an app.

    Raises:
        SetupError: When it has none.
    """
    runtime = getattr(app.state, _RUNTIME, None)
    if not isinstance(runtime, Runtime):
        raise SetupError(
            "this app has no tenancy: call tenancy.install(app), or write "
            "FastAPI(lifespan=tenancy.lifespan)"
        )
    return runtime


def set_runtime(app: Any, runtime: Runtime) -> None:
    """Tell an app which tenancy is its own; a second one is refused.

    Raises:
        SetupError: When the app has another one already.
    """
    existing = getattr(app.state, _RUNTIME, None)
    if existing is not None and existing is not runtime:
        raise SetupError("this app already has another tenancy; one app serves one")
    setattr(app.state, _RUNTIME, runtime)


def share_runtime(app: Any, runtime: Runtime) -> None:
    """Make an app's tenancy that of the apps mounted in it, where they have none of their own."""
    for mounted in _mounted(app):
        if getattr(mounted.state, _RUNTIME, None) is None:
            setattr(mounted.state, _RUNTIME, runtime)


def _mounted(routed: Any) -> Iterator[Starlette]:
    for route in routed.routes:
        inner = getattr(route, "app", None) if isinstance(route, Mount) else None
        if isinstance(inner, Starlette):
            yield inner
        if isinstance(inner, (Starlette, Router)):
            yield from _mounted(inner)


def scope_of(asgi: Scope) -> RequestScope:
    """The request's scope; made on first sight.

    It stands in the ASGI scope itself, which is one request's, and not in its `state`, which a
    server that does not copy it shares between all of them.
    """
    scope = asgi.get(_SCOPE)
    if scope is None:
        scope = asgi[_SCOPE] = RequestScope()
    return cast(RequestScope, scope)


@asynccontextmanager
async def resolved(connection: HTTPConnection) -> AsyncGenerator[tuple[Runtime, RequestScope]]:
    """The runtime and the resolved scope of a request, ambient for the block."""
    runtime, scope = runtime_of(connection), scope_of(connection.scope)
    _answer_errors(connection.scope)
    await runtime.resolve(scope, connection.scope["headers"])
    with enter_scope(scope):
        yield runtime, scope


def _answer_errors(asgi: Scope) -> None:
    """Let the app that serves this request answer our errors, unless it does so already.

    Where `install` was not called nobody has told it how. The handlers of an app are read when it
    is first called, which is before its lifespan; those that Starlette looks into stand in the
    ASGI scope, and for a mounted app they are its own.
    """
    handlers = asgi.get("starlette.exception_handlers")
    if handlers is not None:
        handlers[0].setdefault(TenancyError, answer_error)


async def _tenant_session(connection: HTTPConnection) -> AsyncGenerator[AsyncSession]:
    async with resolved(connection) as (runtime, _), runtime.session() as session:
        yield session


async def _sync_tenant_session(connection: HTTPConnection) -> AsyncGenerator[Session]:
    async with resolved(connection) as (runtime, _), runtime.session() as session:
        # Its connection is waited for here, on the loop. FastAPI validates a sync route's answer in
        # a thread as well: if all threads waited for a connection, whoever has one could not end.
        await session.connection()
        yield session.sync_session


async def _current_tenant(connection: HTTPConnection) -> str:
    async with resolved(connection) as (runtime, scope):
        tenant_id = scope.require_tenant()
        await runtime.admit(tenant_id)
        return tenant_id


# scope="function": the code after `yield` runs before the response is sent. Otherwise the client
# reads 200, and the commit then fails (SECURITY.md, the seven, 1).
TenantSession = Annotated[
    AsyncSession, Depends(_tenant_session, scope="function"), SessionMarker(sync=False)
]
SyncTenantSession = Annotated[
    Session, Depends(_sync_tenant_session, scope="function"), SessionMarker(sync=True)
]
CurrentTenant = Annotated[str, Depends(_current_tenant)]


class ScopeMiddleware:
    """Puts a `RequestScope` in place around the whole ASGI call.

    So streaming bodies and background tasks find the tenant, and nothing of it outlives the
    request, whatever runs the app.

    Args:
        app: The next ASGI application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        previous = replace_scope(scope_of(scope))
        try:
            await self.app(scope, receive, send)
        finally:
            replace_scope(previous)


def public_error(error: TenancyError) -> dict[str, Any]:
    """The body for a client; an error of the application's own making is masked and logged.

    The id in the masked body stands in the log too.
    """
    if error.status != 500:
        if error.hint:
            _log.info("%s: %s", error.code, error.hint)
        return error.body()
    reference = str(uuid4())
    _log.error("internal error %s: %s", reference, error, exc_info=error)
    return UsageError(extensions={"id": reference}).body()


async def answer_error(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's exception handler for `TenancyError`: the error table's status and body."""
    known = cast(TenancyError, error)
    headers = {**known.headers, "Cache-Control": "no-store"}
    return JSONResponse(public_error(known), status_code=known.status, headers=headers)

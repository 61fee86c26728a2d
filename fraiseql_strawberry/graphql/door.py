"""A short way through FastAPI for paths that it has routed to us before.

FastAPI's own layers and its routing, which matches each request twice, cost about as much as
PostgreSQL's answer. The door remembers the paths whose requests ended at a route of ours with
nothing in front of it. It stands before the app's layers where all of them are FastAPI's, which
have nothing to do for an answer of the lane's; where the application has a middleware of its own,
it stands behind that, where the router begins. What the lane does not answer goes on as if the
door were not there.
"""

from __future__ import annotations

from typing import Any, Protocol

from fastapi.routing import iter_route_contexts
from starlette.routing import Host
from starlette.types import ASGIApp, Receive, Scope, Send

from ..fastapi import ScopeMiddleware
from .body import replay

__all__ = ["FrontRoute", "learn"]

_LEARNT = ("route", "endpoint", "path_params", "router")
_MAX_PATHS = 100


class FrontRoute(Protocol):
    """A route that the door may go to."""

    async def read(self, scope: Scope, receive: Receive, send: Send) -> bytes | None:
        """The body of a request; None when the request was refused, and answered."""
        ...

    async def answer(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> bool:
        """Answer in front of FastAPI, or return False and send nothing."""
        ...


class _Door:
    def __init__(self, app: Any, following: ASGIApp) -> None:
        self._app = app
        self.app = following  # by this name FastAPI walks the chain of middlewares
        self._routes = len(app.routes)
        self._known: dict[tuple[str, str], tuple[FrontRoute, dict[str, Any]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        known = self._known.get((scope.get("root_path", ""), scope["path"]))
        if (
            known is None
            or self._app.dependency_overrides
            or "fastapi.telemetry" in scope  # a span wants the route's name from the router
            or len(self._app.routes) != self._routes
        ):
            await self.app(scope, receive, send)
            return
        route, learnt = known
        body = await route.read(scope, receive, send)
        if body is None:
            return
        missing = {key: value for key, value in learnt.items() if key not in scope}
        scope.update(missing)  # what middlewares read of a routed request
        if await route.answer(scope, body, replay(body, receive), send):
            return
        for key in missing:
            del scope[key]
        await self.app(scope, replay(body, receive), send)

    def remember(self, scope: Scope, route: FrontRoute) -> None:
        if len(self._known) < _MAX_PATHS:
            learnt = {key: scope[key] for key in _LEARNT if key in scope}
            self._known[(scope.get("root_path", ""), scope["path"])] = (route, learnt)


def learn(scope: Scope, route: FrontRoute) -> None:
    """Remember that the router brought this request to `route`.

    Args:
        scope: The ASGI scope, as the route got it.
        route: The route; nothing of the application's stands in front of it.
    """
    app = scope["app"]
    # Both have the attribute: before the layers, or behind them all.
    place = app if _only_ours(app) else app.router
    if scope.get("path_params") or not hasattr(place, "middleware_stack"):
        return
    door = place.middleware_stack
    if not isinstance(door, _Door):
        if any(isinstance(context.route, Host) for context in iter_route_contexts(app.routes)):
            return  # the same path may lead elsewhere for another host
        door = place.middleware_stack = _Door(app, door)
    door.remember(scope, route)


def _only_ours(app: Any) -> bool:
    """Whether the app has no middleware, no limit and no last resort of its own."""
    return (
        all(middleware.cls is ScopeMiddleware for middleware in app.user_middleware)
        and getattr(app, "max_body_size", None) is None
        and not {500, Exception} & set(app.exception_handlers)
        and not app.debug
    )

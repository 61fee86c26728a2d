"""A short way through FastAPI's routing for paths that it has routed to us before.

FastAPI matches a request against its routes twice, which costs about as much as PostgreSQL's
answer. The door stands where the app's router begins, behind every middleware, and remembers the
paths whose requests ended at a route of ours with nothing in front of it. What the lane does not
answer goes on through the router as if the door were not there.
"""

from __future__ import annotations

from typing import Any, Protocol

from fastapi.routing import iter_route_contexts
from starlette.routing import Host
from starlette.types import ASGIApp, Receive, Scope, Send

from .body import replay

__all__ = ["FrontRoute", "learn"]

_LEARNT = ("route", "endpoint", "path_params", "router")
_MAX_PATHS = 100


class FrontRoute(Protocol):
    """A route that the door may go to."""

    async def read(self, scope: Scope, receive: Receive, send: Send) -> bytes | None:
        """The body of a request; None when the request was refused, and answered."""
        ...

    async def answer(self, scope: Scope, body: bytes, send: Send) -> bool:
        """Answer by the fast lane, or return False and send nothing."""
        ...


class _Door:
    def __init__(self, app: Any, router: ASGIApp) -> None:
        self._app = app
        self._router = router
        self._routes = len(app.routes)
        self._known: dict[tuple[str, str], tuple[FrontRoute, dict[str, Any]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._router(scope, receive, send)
            return
        known = self._known.get((scope.get("root_path", ""), scope["path"]))
        if (
            known is None
            or self._app.dependency_overrides
            or "fastapi.telemetry" in scope  # a span wants the route's name from the router
            or len(self._app.routes) != self._routes
        ):
            await self._router(scope, receive, send)
            return
        route, learnt = known
        body = await route.read(scope, receive, send)
        if body is None:
            return
        missing = {key: value for key, value in learnt.items() if key not in scope}
        scope.update(missing)  # what middlewares read of a routed request
        if await route.answer(scope, body, send):
            return
        for key in missing:
            del scope[key]
        await self._router(scope, replay(body, receive), send)

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
    router = app.router
    if scope.get("path_params") or not hasattr(router, "middleware_stack"):
        return
    door = router.middleware_stack
    if not isinstance(door, _Door):
        if any(isinstance(context.route, Host) for context in iter_route_contexts(app.routes)):
            return  # the same path may lead elsewhere for another host
        door = router.middleware_stack = _Door(app, door)
    door.remember(scope, route)

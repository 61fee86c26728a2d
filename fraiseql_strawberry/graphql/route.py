"""The route of our router: it reads the body, and goes in front of FastAPI where it may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..errors import TenancyError
from ..fastapi import scope_of
from .body import read_body, replay
from .door import learn
from .front import Front, nothing_in_front
from .responses import answer_coded

__all__ = ["GraphQLRoute"]


class GraphQLRoute(APIRoute):
    """A route whose errors are coded, those of its dependencies too, whoever mounts it."""

    max_body_bytes: int
    vary: str
    front: Front | None
    _free: bool | None = None

    def get_route_handler(self) -> Callable[[Request], Any]:
        """FastAPI's; its errors are coded."""
        handler = super().get_route_handler()

        async def coded(request: Request) -> Response:
            try:
                return await handler(request)
            except TenancyError as error:
                return await answer_coded(request, error, self.vary)

        return coded

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI; the body is read here, so that no more than the limit is ever read."""
        body = b""
        if scope["method"] == "POST":
            read = await self.read(scope, receive, send)
            if read is None:
                return
            body, receive = read, replay(read, receive)
        if self.front is not None and self._may_go_in_front(scope["app"]):
            if scope["method"] == "POST":
                learn(scope, self)
            if scope_of(scope).aside is None and await self.answer(scope, body, receive, send):
                return
        await super().handle(scope, receive, send)

    async def read(self, scope: Scope, receive: Receive, send: Send) -> bytes | None:
        """The body; None when it was too large, and the client has been told so."""
        try:
            return await read_body(scope, receive, self.max_body_bytes)
        except TenancyError as error:
            response = await answer_coded(Request(scope), error, self.vary)
            await response(scope, receive, send)
            return None

    async def answer(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> bool:
        """Answer in front of FastAPI, or return False and send nothing."""
        return self.front is not None and await self.front.answer(scope, body, receive, send)

    def _may_go_in_front(self, app: Any) -> bool:
        if app.dependency_overrides:
            return False
        if self._free is None:
            self._free = nothing_in_front(self, app)
        return self._free

"""Where the lanes stand: in front of FastAPI's request handling, or behind its dependencies.

A raw route in front of a router answered 200 where the router's dependencies raise 403, in a
prototype. So they are entered before FastAPI only where there is nothing to pass: no
dependency of the app, of any router or of the inclusion, no context getter, no override for
tests, no overridden method of the router's.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qsl

from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from ..errors import TenancyError
from ..fastapi import scope_of
from ..runtime import Runtime
from ..scope import RequestScope
from .context import Context
from .fast_lane import Aside, FastLane, GraphQLRequest, read_request, server_timing
from .json_text import decode_request
from .responses import answer_coded
from .standard import StandardLane

__all__ = ["Front", "nothing_in_front", "overrides_nothing", "request_of"]

# Response modes that only Strawberry knows.
_STREAMS = (b"multipart/mixed", b"text/event-stream")
_PLAIN = (b"*/*", b"application/json")
_GRAPHQL_JSON = b"application/graphql-response+json"


class Front:
    """Takes a request to the lanes, straight from ASGI.

    Args:
        runtime: The tenancy.
        lane: The fast lane of the router's schema, if it has one.
        standard: What answers a plain request otherwise; None leaves that to FastAPI.
        vary: The header `Vary`.
    """

    def __init__(
        self, runtime: Runtime, lane: FastLane | None, standard: StandardLane | None, vary: str
    ) -> None:
        self._runtime = runtime
        self.lane = lane
        self._standard = standard
        self._timing = runtime.config.graphql.server_timing
        self._vary = vary
        self._headers = [(b"cache-control", b"no-store"), (b"vary", vary.encode("latin-1"))]

    async def answer(self, asgi: Scope, body: bytes, receive: Receive, send: Send) -> bool:
        """Answer a plain request; nothing has been sent where this returns False.

        Args:
            asgi: ASGI.
            body: The request's body.
            receive: ASGI; it gives the body once more.
            send: ASGI.
        """
        media_type = _media_type(asgi["headers"])
        request = None if media_type is None else request_of(asgi, body)
        if media_type is None or request is None:
            scope_of(asgi).aside = Aside("request")
            return False
        if self.lane is not None and await self._quickly(asgi, request, media_type, send):
            return True
        # A span wants to see FastAPI's own steps; and GET may also ask for a page.
        if self._standard is None or asgi["method"] != "POST" or "fastapi.telemetry" in asgi:
            return False
        await self._standard.answer(asgi, receive, send, request)
        return True

    async def _quickly(
        self, asgi: Scope, request: GraphQLRequest, media_type: bytes, send: Send
    ) -> bool:
        started = time.perf_counter() if self._timing else 0.0
        try:
            text = await self.data(asgi, scope_of(asgi), request)
        except TenancyError as error:
            response = await answer_coded(Request(asgi), error, self._vary)
            await response(asgi, _no_body, send)
            return True
        if text is None:
            return False
        payload = b'{"data":%b}' % text  # one copy, where + makes two
        headers = [
            (b"content-type", media_type),
            (b"content-length", b"%d" % len(payload)),
            *self._headers,
        ]
        if started:
            seconds = time.perf_counter() - started
            headers.append((b"server-timing", server_timing("fast", "compiled", seconds).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": payload})
        return True

    async def data(
        self,
        asgi: Scope,
        scope: RequestScope,
        request: GraphQLRequest,
        context: Context | None = None,
    ) -> bytes | None:
        """The JSON text of `data`, or None where the fast lane stepped aside, which is noted.

        Raises:
            TenancyError: When a guard refuses the request.
        """
        assert self.lane is not None
        await self._runtime.resolve(scope, asgi["headers"])
        text = self.lane.persisted.text(request.query, request.extensions)
        request = request._replace(query=text or "")
        try:
            answer = await self.lane.answer(request, scope, asgi, context)
        except TenancyError:
            raise
        except Exception as error:  # a middleware's or the database's: masked, and logged
            raise TenancyError from error
        if isinstance(answer, Aside):
            scope.aside = answer
            return None
        return answer


def request_of(asgi: Scope, body: bytes) -> GraphQLRequest | None:
    """The GraphQL request of a POST or a GET; None for whatever is not a plain one.

    The standard lane then answers, and says what is wrong with it.
    """
    try:
        if asgi["method"] == "POST":
            return read_request(decode_request(body)) if _is_json(asgi["headers"]) else None
        fields: dict[str, Any] = dict(
            parse_qsl(asgi["query_string"].decode("ascii"), strict_parsing=True)
        )
        for name in ("variables", "extensions"):
            if name in fields:
                fields[name] = decode_request(fields[name].encode())
        return read_request(fields)
    except (ValueError, RecursionError):
        return None


def nothing_in_front(route: APIRoute, app: Any) -> bool:
    """Whether no dependency of the app's or of a router's stands before this route, anywhere."""
    found = [
        context for context in iter_route_contexts(app.routes) if context.original_route is route
    ]
    return bool(found) and not any(context.dependencies for context in found)


def overrides_nothing(router: type, ours: type) -> bool:
    """Whether a subclass of our router leaves all of our methods and Strawberry's as they are."""
    return all(
        getattr(router, name) is getattr(ours, name)
        for name in dir(ours)
        if not name.startswith("__") and callable(getattr(ours, name))
    )


def _is_json(headers: list[tuple[bytes, bytes]]) -> bool:
    for name, value in headers:
        if name == b"content-type":
            return value.startswith(b"application/json")
    return False


def _media_type(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    """What to answer with; None where a stream is wanted, which only Strawberry knows."""
    for name, value in headers:
        if name == b"accept":
            if value in _PLAIN:
                return b"application/json"
            for stream in _STREAMS:
                if stream in value:
                    return None
            if _GRAPHQL_JSON in value:
                return _GRAPHQL_JSON
    return b"application/json"


async def _no_body() -> Any:
    return {"type": "http.disconnect"}

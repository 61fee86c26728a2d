"""Our GraphQL router: Strawberry's, with coded errors, limits on bodies, and GraphiQL offline."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, cast

from cross_web import HTTPException
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send
from strawberry import Schema
from strawberry.fastapi import GraphQLRouter as StrawberryRouter
from strawberry.http import GraphQLHTTPResponse
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_WS_PROTOCOL
from strawberry.types import ExecutionResult

from ..errors import BadUserInput, SchemaError, TenancyError
from ..fastapi import answer_error, scope_of
from ..runtime import Runtime
from . import graphiql
from .body import read_body, replay
from .context_getter import tenant_context_getter
from .door import learn
from .extension import TenancyExtension
from .fast_lane import lane_of
from .front import Front, nothing_in_front, overrides_nothing, request_of
from .public_errors import Refused, public_errors
from .served import served_schema
from .sockets import OpenSockets, TenantSocket

__all__ = ["GraphQLRouter"]

# A refusal that concerns the whole request, not one field of it.
_REQUEST_CODES = {
    "UNAUTHORIZED": 401,
    "TENANT_MISMATCH": 403,
    "TENANT_UNAVAILABLE": 403,
    "RATE_LIMITED": 429,
    "TENANT_BUSY": 503,
    "SERVICE_UNAVAILABLE": 503,
}
_GRAPHQL_JSON = "application/graphql-response+json"
_RESPONSE = "fraiseql_response"


class _Route(APIRoute):
    """A route whose errors are coded, those of its dependencies too, whoever mounts it."""

    max_body_bytes: int
    front: Front | None
    _free: bool | None = None

    def get_route_handler(self) -> Callable[[Request], Any]:
        handler = super().get_route_handler()

        async def coded(request: Request) -> Response:
            try:
                return await handler(request)
            except TenancyError as error:
                return await answer_error(request, error)

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
            if scope_of(scope).aside is None and await self.answer(scope, body, send):
                return
        await super().handle(scope, receive, send)

    async def read(self, scope: Scope, receive: Receive, send: Send) -> bytes | None:
        """The body; None when it was too large, and the client has been told so."""
        try:
            return await read_body(scope, receive, self.max_body_bytes)
        except TenancyError as error:
            await (await answer_error(Request(scope), error))(scope, receive, send)
            return None

    async def answer(self, scope: Scope, body: bytes, send: Send) -> bool:
        """Answer by the fast lane, or return False and send nothing."""
        return self.front is not None and await self.front.answer(scope, body, send)

    def _may_go_in_front(self, app: Any) -> bool:
        if app.dependency_overrides:
            return False
        if self._free is None:
            self._free = nothing_in_front(self, app)
        return self._free


class GraphQLRouter(StrawberryRouter[Any, Any]):
    """Serves a schema to tenants; mount it with `app.include_router(router, prefix="/graphql")`.

    Args:
        schema: A schema, ours or hand-written (then with `tenancy.extension` in it).
        tenancy: The tenancy.
        path: The path below the prefix.
        context_getter: The application's own context getter, if any.
        **options: Whatever Strawberry's router takes.

    Raises:
        SchemaError: When the schema has no `tenancy.extension`, so nothing would guard it; or for
            the protocol graphql-ws, whose sockets would outlive their token.
    """

    graphql_transport_ws_handler_class = TenantSocket

    def __init__(
        self,
        schema: Schema,
        *,
        tenancy: Runtime,
        path: str = "",
        context_getter: Callable[..., Any] | None = None,
        subscription_protocols: Sequence[str] = (GRAPHQL_TRANSPORT_WS_PROTOCOL,),
        **options: Any,
    ) -> None:
        _refuse_unguarded(schema)
        _refuse_unwatched(subscription_protocols)
        settings = tenancy.config.graphql
        options.setdefault("graphql_ide", "graphiql" if settings.ide else None)
        self._served = served_schema(tenancy, schema, tenancy.middleware)
        self._front = self._open_front(tenancy)
        in_front = context_getter is None and options.get("root_value_getter") is None
        options["route_class"] = type(
            "GraphQLRoute",
            (_Route,),
            {
                "max_body_bytes": settings.max_body_bytes,
                "front": self._front if in_front else None,
            },
        )
        super().__init__(
            schema,
            path,
            context_getter=tenant_context_getter(tenancy, context_getter, sockets=False),
            subscription_protocols=subscription_protocols,
            **options,
        )
        self.tenancy = tenancy
        self.sockets = OpenSockets(tenancy)
        tenancy.when_started(self._served.prepare)
        if settings.ide:
            self.add_api_route(
                f"{path.rstrip('/')}/graphiql/{{name}}",
                self._asset,
                methods=["GET"],
                include_in_schema=False,
            )

    def _open_front(self, tenancy: Runtime) -> Front | None:
        lane = lane_of(self._served)
        if lane is None or not overrides_nothing(type(self), GraphQLRouter):
            return None
        return Front(tenancy, lane)

    async def _asset(self, name: str) -> Response:
        found = graphiql.asset(name)
        if found is None:
            return JSONResponse({"detail": "Not Found"}, status_code=404)
        headers = {**graphiql.ASSET_HEADERS, "ETag": found.etag}
        return Response(found.content, media_type=found.media_type, headers=headers)

    async def render_graphql_ide(self, request: Request) -> HTMLResponse:
        """Our page: offline, under a strict CSP, tokens not persisted."""
        return HTMLResponse(graphiql.page_at(request.scope["path"]), headers=graphiql.HEADERS)

    async def run(self, request: Any, context: Any = None, root_value: Any = None) -> Any:
        """Strawberry's own handling, with its plain-text refusals turned into coded errors."""
        # Strawberry keeps the response of the latest request on the router. After an await it is
        # another one's: its headers, and whatever cookies it set, went to the wrong client.
        request.scope[_RESPONSE] = context.response
        try:
            answer = await self._fast(request, context)
            response = answer or cast(Any, await super().run(request, context, root_value))
        except HTTPException as error:
            body = BadUserInput(error.reason).body()
            response = JSONResponse(body, error.status_code, {"Cache-Control": "no-store"})
        return _negotiated(request, response)

    async def get_sub_response(self, request: Request) -> Response:
        """The response whose status and headers the request's own code has set."""
        return request.scope[_RESPONSE]

    async def _fast(self, request: Any, context: Any) -> Response | None:
        """The fast lane behind FastAPI's dependencies, which have run by now."""
        front, asgi = self._front, request.scope
        if front is None or asgi["type"] != "http" or context.scope.aside is not None:
            return None
        body = await request.body() if request.method == "POST" else b""
        wanted = request_of(asgi, body)
        if wanted is None:
            return None
        data = await front.data(asgi, context.scope, wanted, context)
        if data is None:
            return None
        sub_response = await self.get_sub_response(request)
        response = Response(
            b'{"data":%b}' % data,
            sub_response.status_code or 200,
            media_type="application/json",
        )
        response.headers.raw.extend(sub_response.headers.raw)
        self._never_cached(response)
        return response

    def decode_json(self, data: str | bytes) -> Any:
        """JSON into a request, or a clear refusal (deep nesting and huge numbers included)."""
        try:
            return json.loads(data, parse_constant=_no_json)
        except (ValueError, RecursionError) as error:
            raise HTTPException(400, "The body is not readable as JSON") from error

    async def parse_http_body(self, request: Any) -> Any:
        """Read the request; what is not a GraphQL request is refused before Strawberry sees it."""
        if request.method == "POST" and "application/json" in (request.content_type or ""):
            decoded = self.decode_json(await request.get_body())
            items = cast("list[object]", decoded) if isinstance(decoded, list) else [decoded]
            for item in items:
                _check_request(item)
        return await super().parse_http_body(request)

    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        """The response's body; `data` is left out where nothing was executed."""
        if result.errors:
            result.errors = public_errors(result.errors)
        body = await super().process_result(request, result)
        if isinstance(result, Refused) or (result.data is None and _before_execution(result)):
            cast(dict[str, Any], body).pop("data", None)
        return body

    def create_response(self, response_data: Any, sub_response: Response) -> Response:
        """The response, with the status of the error table and never cacheable."""
        response = super().create_response(response_data, sub_response)
        code = _request_code(response_data)
        if code is not None:
            response.status_code = _REQUEST_CODES.get(code, TenancyError.status)
            retry_after = response_data["errors"][0]["extensions"].get("retryAfter")
            if retry_after is not None:
                response.headers["Retry-After"] = str(retry_after)
            if code == "UNAUTHORIZED":
                response.headers["WWW-Authenticate"] = "Bearer"
        self._never_cached(response)
        return response

    def _never_cached(self, response: Response) -> None:
        response.headers["Cache-Control"] = "no-store"
        response.headers["Vary"] = (
            f"Authorization, {self.tenancy.config.multitenancy.tenant_header}"
        )


def _refuse_unguarded(schema: Schema) -> None:
    extensions = (getattr(extension, "func", extension) for extension in schema.extensions)
    if not any(isinstance(e, type) and issubclass(e, TenancyExtension) for e in extensions):
        raise SchemaError(
            "this schema has none of our guards: make it with build_schema(…), or add "
            "extensions=[tenancy.extension]"
        )


def _refuse_unwatched(protocols: Sequence[str]) -> None:
    if GRAPHQL_WS_PROTOCOL in protocols:
        raise SchemaError(
            f"the protocol {GRAPHQL_WS_PROTOCOL} is not served: take its successor, "
            f"{GRAPHQL_TRANSPORT_WS_PROTOCOL}"
        )


def _negotiated(request: Any, response: Any) -> Any:
    """The media type that the client prefers, and its rule: nothing executed is a 400.

    Source: GraphQL over HTTP, section 6.4.2 (`application/graphql-response+json`).
    """
    if request.scope["type"] != "http" or not isinstance(response, Response):
        return response
    if _GRAPHQL_JSON in request.headers.get("accept", "") and response.media_type != "text/html":
        response.headers["Content-Type"] = _GRAPHQL_JSON
        if response.status_code == 200 and bytes(response.body).startswith(b'{"errors"'):
            response.status_code = 400
    return response


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON (RFC 8259, section 6)")


def _check_request(item: object) -> None:
    if not isinstance(item, dict):
        raise HTTPException(400, "The body must be a JSON object with a query")
    request = cast(dict[str, Any], item)
    name = request.get("operationName")
    if name is not None and not isinstance(name, str):
        raise HTTPException(400, "operationName must be a string")


def _before_execution(result: ExecutionResult) -> bool:
    return all(error.path is None for error in result.errors or ())


def _request_code(body: Any) -> str | None:
    """The code of a refusal of the whole request: no field of it has a value."""
    answer: dict[str, Any] = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    if not answer.get("errors"):
        return None
    data = answer.get("data")
    if data and any(value is not None for value in data.values()):
        return None
    code: str | None = answer["errors"][0].get("extensions", {}).get("code")
    if code == TenancyError.code and "data" not in answer:
        return code
    return code if code in _REQUEST_CODES else None

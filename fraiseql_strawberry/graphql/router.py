"""Our GraphQL router: Strawberry's, with coded errors, limits on bodies, and GraphiQL offline."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, cast

from cross_web import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from strawberry import Schema
from strawberry.fastapi import GraphQLRouter as StrawberryRouter
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.subscriptions import (
    GRAPHQL_SSE_PROTOCOL,
    GRAPHQL_TRANSPORT_WS_PROTOCOL,
)
from strawberry.types import ExecutionResult

from ..errors import BadUserInput, TenancyError
from ..runtime import Runtime
from .context_getter import tenant_context_getter
from .fast_lane import lane_of
from .front import Front, overrides_nothing, request_of
from .ide import asset_response, names_document, page_response
from .json_text import QUICK, encode
from .onlookers import result_is_seen
from .open_connections import OpenConnections
from .public_errors import public_errors, refused
from .request_json import add_names, checked_requests, read_json, with_text
from .responses import finish, has_data, negotiated
from .route import GraphQLRoute
from .served import served_schema
from .socket_messages import SocketMessages
from .sockets import TenantSocket
from .standard import StandardLane
from .streams import TenantStream
from .unguarded import refuse_unguarded, refuse_unwatched

__all__ = ["GraphQLRouter"]

_RESPONSE = "fraiseql_response"


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
    websocket_adapter_class = SocketMessages  # pyright: ignore[reportAssignmentType]

    def __init__(
        self,
        schema: Schema,
        *,
        tenancy: Runtime,
        path: str = "",
        context_getter: Callable[..., Any] | None = None,
        subscription_protocols: Sequence[str] = (
            GRAPHQL_TRANSPORT_WS_PROTOCOL,
            GRAPHQL_SSE_PROTOCOL,
        ),
        **options: Any,
    ) -> None:
        refuse_unguarded(schema)
        refuse_unwatched(subscription_protocols)
        settings = tenancy.config.graphql
        options.setdefault("graphql_ide", "graphiql" if settings.ide else None)
        self.tenancy = tenancy
        self.served = served_schema(tenancy, schema, tenancy.middleware)
        options.setdefault("max_subscriptions_per_connection", settings.max_socket_operations)
        self.max_message_characters = settings.max_body_bytes
        self._vary = f"Authorization, {tenancy.config.multitenancy.tenant_header}"
        self._ours = overrides_nothing(type(self), GraphQLRouter)
        self._as_text = QUICK and self._ours and not result_is_seen(schema)
        self._front = self._open_front(schema)
        in_front = context_getter is None and options.get("root_value_getter") is None
        options["route_class"] = type(
            "GraphQLRoute",
            (GraphQLRoute,),
            {
                "max_body_bytes": settings.max_body_bytes,
                "vary": self._vary,
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
        self.connections = OpenConnections(tenancy)
        tenancy.when_started(self.served.prepare)
        if settings.ide:
            self.add_api_route(
                f"{path.rstrip('/')}/graphiql/{{name}}",
                asset_response,
                methods=["GET"],
                include_in_schema=False,
            )

    def _open_front(self, schema: Schema) -> Front | None:
        if not self._ours:
            return None
        # Several answers to one request are Strawberry's to send.
        single = not schema.config.enable_experimental_incremental_execution
        standard = StandardLane(self, self._vary) if single else None
        return Front(self.tenancy, lane_of(self.served), standard, self._vary)

    async def render_graphql_ide(self, request: Request) -> HTMLResponse:
        """Our page: offline, under a strict CSP, tokens not persisted."""
        return page_response(request)

    def should_render_graphql_ide(self, request: Any) -> bool:
        """Whether a GET wants our page: one that names a document wants its answer."""
        return not names_document(request) and super().should_render_graphql_ide(request)

    async def run(self, request: Any, context: Any = None, root_value: Any = None) -> Any:
        """Strawberry's own handling, with its plain-text refusals turned into coded errors."""
        # Strawberry keeps the response of the latest request on the router. After an await it is
        # another one's: its headers, and whatever cookies it set, went to the wrong client.
        request.scope[_RESPONSE] = context.response
        try:
            answer = await self._fast(request, context)
            response = answer or cast(Any, await super().run(request, context, root_value))
        except HTTPException as error:
            return self.refuse(request, error)
        one = request.scope["type"] == "http" and isinstance(response, Response)
        if isinstance(response, StreamingResponse):
            response.headers.update({"Cache-Control": "no-store, no-transform", "Vary": self._vary})
            return response
        return negotiated(request, response) if one else response

    async def get_sub_response(self, request: Request) -> Response:
        """The response whose status and headers the request's own code has set."""
        return request.scope[_RESPONSE]

    async def _fast(self, request: Any, context: Any) -> Response | None:
        """The fast lane behind FastAPI's dependencies, which have run by now."""
        front, asgi = self._front, request.scope
        if front is None or front.lane is None or asgi["type"] != "http":
            return None
        if context.scope.aside is not None:
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
        finish(response, None, self._vary)
        return response

    async def execute_single(
        self,
        request: Any,
        request_adapter: Any,
        sub_response: Any,
        context: Any,
        root_value: Any,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        """Strawberry's; where nobody looks at the result before it is encoded, JSON stays text."""
        try:
            request_data = with_text(request_data, self.served.persisted)
        except TenancyError as error:
            return refused(error)
        context.scope.json_text = self._as_text
        try:
            return await super().execute_single(
                request, request_adapter, sub_response, context, root_value, request_data
            )
        finally:
            context.scope.json_text = False

    async def execute_operation(
        self,
        request: Any,
        request_adapter: Any,
        request_data: Any,
        context: Any,
        root_value: Any,
        sub_response: Any,
    ) -> Any:
        """Strawberry's; each operation counts, and a stream ends with its token and its tenant."""
        if isinstance(request_data, GraphQLRequestData):
            request_data = with_text(request_data, self.served.persisted)
        tenant_id = context.scope.tenant_id
        if type(request_data) is list and tenant_id is not None:
            # The request itself has been counted.
            self.tenancy.count(tenant_id, len(cast("list[Any]", request_data)) - 1)
        result = cast(
            Any,
            await super().execute_operation(
                request=request,
                request_adapter=request_adapter,
                request_data=cast(Any, request_data),
                context=context,
                root_value=root_value,
                sub_response=sub_response,
            ),
        )
        if isinstance(result, AsyncGenerator):
            results = cast("AsyncGenerator[Any]", result)
            return TenantStream(results, context, self.connections).results()
        return result

    def decode_json(self, data: str | bytes) -> Any:
        """JSON into a request, or a clear refusal (deep nesting and huge numbers included)."""
        return read_json(data)

    async def parse_http_body(self, request: Any) -> Any:
        """Read the request; what is not a GraphQL request is refused before Strawberry sees it."""
        if request.method == "POST" and "application/json" in (request.content_type or ""):
            requests = checked_requests(self.decode_json(await request.get_body()))
            data = await super().parse_http_body(request)
            for one, asked in zip(
                data if isinstance(data, list) else [data], requests, strict=True
            ):
                add_names(one, asked)
            return data
        data = await super().parse_http_body(request)
        if request.method == "GET" and isinstance(data, GraphQLRequestData):
            add_names(data, {**request.query_params, "extensions": data.extensions})
        return data

    async def respond(self, request: Request, result: Any, sub_response: Response) -> Response:
        """The response of one operation's result, as Strawberry's own handling makes it."""
        body = await self.process_result(request, result)
        if result.errors:
            self._handle_errors(result.errors, body)
        return negotiated(request, self.create_response(body, sub_response))

    def refuse(self, request: Request, error: HTTPException) -> Response:
        """A coded error for a request that Strawberry refuses in plain text."""
        response = JSONResponse(BadUserInput(error.reason).body(), error.status_code)
        finish(response, None, self._vary)
        return negotiated(request, response)

    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        """The response's body; `data` is left out where nothing was executed."""
        if result.errors:
            result.errors = public_errors(result.errors)
        body = await super().process_result(request, result)
        if not has_data(result):
            cast(dict[str, Any], body).pop("data", None)
        return body

    def create_response(self, response_data: Any, sub_response: Response) -> Response:
        """The response, with the status of the error table and never cacheable."""
        if type(self).encode_json is not GraphQLRouter.encode_json:
            response = super().create_response(response_data, sub_response)
        else:
            status = sub_response.status_code or 200
            response = Response(encode(response_data), status, media_type="application/json")
            response.headers.raw.extend(sub_response.headers.raw)
        finish(response, response_data, self._vary)
        return response

"""Strawberry's execution, without the request handling of FastAPI and Strawberry around it.

Solving no dependencies, matching the request twice and decoding it twice cost more than executing
an operation of compiled fields. Where nothing of the application's stands in front of the route
(see `front`), a plain request has the same context made for it, and goes straight to
`schema.execute`; the result takes the router's own way into the response.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from cross_web import HTTPException, StarletteRequestAdapter
from fastapi import BackgroundTasks
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.http import GraphQLRequestData

from ..errors import TenancyError
from ..fastapi import scope_of, set_runtime
from ..runtime import Runtime
from ..scope import enter_scope
from .context import make_context
from .fast_lane import GraphQLRequest
from .responses import answer_coded

__all__ = ["Execution", "StandardLane"]


class Execution(Protocol):
    """What the router does with a request that has a context."""

    tenancy: Runtime

    async def execute_single(
        self,
        request: Any,
        request_adapter: Any,
        sub_response: Any,
        context: Any,
        root_value: Any,
        request_data: GraphQLRequestData,
    ) -> Any:
        """Strawberry's: execute one operation."""
        ...

    async def respond(self, request: Request, result: Any, sub_response: Response) -> Response:
        """The response of a result."""
        ...

    def refuse(self, request: Request, error: HTTPException) -> Response:
        """The response of a request that Strawberry refuses."""
        ...


class StandardLane:
    """Answers plain requests of one router.

    Args:
        router: The router; no subclass has changed what it does with a request.
        vary: The header `Vary`.
    """

    def __init__(self, router: Execution, vary: str) -> None:
        self._router = router
        self._vary = vary

    async def answer(
        self, asgi: Scope, receive: Receive, send: Send, wanted: GraphQLRequest
    ) -> None:
        """Answer a request.

        Args:
            asgi: ASGI.
            receive: ASGI; it gives the body once more.
            send: ASGI.
            wanted: What the body asks for.
        """
        set_runtime(asgi["app"], self._router.tenancy)
        request = Request(asgi, receive)
        with enter_scope(scope_of(asgi)):
            try:
                response = await self._response(request, wanted)
            except TenancyError as error:
                response = await answer_coded(request, error, self._vary)
            await response(asgi, receive, send)

    async def _response(self, request: Request, wanted: GraphQLRequest) -> Response:
        router, asgi = self._router, request.scope
        scope = scope_of(asgi)
        await router.tenancy.resolve(scope, asgi["headers"])
        # As FastAPI hands them to a context getter.
        sub_response, background = Response(), BackgroundTasks()
        del sub_response.headers["content-length"]
        sub_response.status_code = None  # pyright: ignore[reportAttributeAccessIssue]
        context = make_context(router.tenancy, scope)
        context.request, context.response = request, sub_response
        context.background_tasks = background
        variables = cast("dict[str, Any] | None", wanted.variables)
        extensions = cast("dict[str, Any] | None", wanted.extensions)
        data = GraphQLRequestData(wanted.query, variables, wanted.operation_name, extensions)
        try:
            result = await router.execute_single(
                request, StarletteRequestAdapter(request), sub_response, context, None, data
            )
            response = await router.respond(request, result, sub_response)
        except HTTPException as error:
            response = router.refuse(request, error)
        response.background = background
        return response

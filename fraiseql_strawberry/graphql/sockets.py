"""WebSockets: each ends with its token and its tenant, by the codes of graphql-transport-ws."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, cast

from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    Message,
    SubscribeMessage,
)

from ..errors import RateLimited, ServiceUnavailable, TenancyError, Unauthorized
from .context import Context
from .open_connections import OpenConnections, expired
from .persisted import named
from .public_errors import public_errors, refused
from .socket_messages import fault_of

__all__ = ["TenantSocket"]

_UNAUTHORIZED, _FORBIDDEN = 4401, 4403
_TRY_AGAIN_LATER = 1013  # RFC 6455's registry of close codes


class TenantSocket(BaseGraphQLTransportWSHandler[Any, Any]):
    """One socket: Strawberry's handling, until it ends."""

    _ended = False
    _deadline: float | None = None

    @property
    def tenant_id(self) -> str | None:
        """Whose it is, once that is known."""
        return cast(Context, self.context).scope.tenant_id

    async def handle(self) -> None:
        """Serve the socket until either side ends it."""
        with self._connections.holding(self):
            if await self._admitted():
                claims = cast(Context, self.context).scope.claims
                with self._connections.until_expiry(self, claims) as self._deadline:
                    await super().handle()

    async def handle_message(self, message: Message) -> None:
        """Handle a message that arrived in time."""
        if self._deadline is not None and time.time() >= self._deadline:
            await self.refuse(expired())  # the machine slept through the timer
        if self._ended:
            return
        wrong = fault_of(message)
        if wrong is None:
            await super().handle_message(message)
        else:
            await self.handle_invalid_message(wrong)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Begin an operation; each of them is a request of the tenant's."""
        tenant_id = self.tenant_id
        if self.connection_acknowledged:
            try:
                if tenant_id is not None:
                    self._connections.runtime.count(tenant_id)
                payload: Any = message["payload"]
                persisted = cast(Any, self.view).served.persisted
                payload["query"] = persisted.text(payload.get("query"), named(payload)) or ""
            except TenancyError as error:
                errors = refused(error).errors or []
                payload = [each.formatted for each in errors]
                await self.send_message({"id": message["id"], "type": "error", "payload": payload})
                return
        await super().handle_subscribe(message)

    async def _send_result_stream(self, operation: Any, result_source: Any) -> None:
        try:
            await super()._send_result_stream(operation, result_source)
        except (GraphQLError, TenancyError) as error:
            # What is refused before it is executed: Strawberry would log it as a fault.
            found = (
                error if isinstance(error, GraphQLError) else GraphQLError("", original_error=error)
            )
            await operation.send_initial_errors(public_errors([found]))

    async def refuse(self, error: TenancyError) -> None:
        """Stop every operation and close the socket; harmless when it is closed already."""
        if self._ended:
            return
        self._ended = True
        for operation_id in tuple(self.operations):
            await self.cleanup_operation(operation_id)
        with suppress(RuntimeError, WebSocketDisconnect):  # the client was quicker
            await self.websocket.close(_code(error), error.message)

    async def _admitted(self) -> bool:
        # Here and not before the handshake: a browser is told the code of a close, not the status
        # of a handshake that failed.
        context = cast(Context, self.context)
        try:
            await context.runtime.resolve(context.scope, context["request"].scope["headers"])
            if self.tenant_id is not None:
                await context.runtime.admit(self.tenant_id)
        except TenancyError as error:
            await self.refuse(error)
        return not self._ended

    @property
    def _connections(self) -> OpenConnections:
        return cast(Any, self.view).connections


def _code(error: TenancyError) -> int:
    if isinstance(error, Unauthorized):
        return _UNAUTHORIZED
    later = error.status in (ServiceUnavailable.status, RateLimited.status)
    return _TRY_AGAIN_LATER if later else _FORBIDDEN

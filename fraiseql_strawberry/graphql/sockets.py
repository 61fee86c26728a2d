"""An open WebSocket ends with what admitted it: its token, or its tenant's being served.

Nothing asks now and then. Expiry is one timer per socket; a change of a tenant comes from the
registry. What closes are the codes of the graphql-transport-ws protocol.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Coroutine, Generator
from contextlib import contextmanager, suppress
from typing import Any, cast

from starlette.websockets import WebSocketDisconnect
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message

from ..errors import ServiceUnavailable, TenancyError, TenantUnavailable, Unauthorized
from ..runtime import Runtime
from .context import Context

__all__ = ["OpenSockets", "TenantSocket"]

_UNAUTHORIZED, _FORBIDDEN = 4401, 4403
_TRY_AGAIN_LATER = 1013  # RFC 6455's registry of close codes

# While the registry does not answer, it is asked again so often about a tenant that has changed.
_ASK_AGAIN_SECONDS = 1.0


class OpenSockets:
    """The sockets of one router that are open.

    Args:
        runtime: The tenancy, whose registry says when a tenant is served no more.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._open: set[TenantSocket] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        runtime.when_started(self._watch)

    @contextmanager
    def holding(self, socket: TenantSocket) -> Generator[None]:
        """Around the life of a socket."""
        self._open.add(socket)
        try:
            yield
        finally:
            self._open.discard(socket)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in a task that belongs to no request."""
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self) -> None:
        registry = self.runtime.registry
        if registry is not None:
            registry.watch(self._changed)

    def _changed(self, tenant_id: str | None) -> None:
        registry = self.runtime.registry
        concerned = {socket.tenant_id for socket in self._open}
        for tenant in concerned if tenant_id is None else concerned & {tenant_id}:
            if tenant is not None and registry is not None and registry.peek(tenant) is None:
                self.spawn(self._check(tenant))

    async def _check(self, tenant_id: str) -> None:
        while sockets := [socket for socket in self._open if socket.tenant_id == tenant_id]:
            try:
                await self.runtime.admit(tenant_id)
            except TenantUnavailable as error:
                for socket in sockets:  # none waits for another, whose client may be slow
                    self.spawn(socket.end(_FORBIDDEN, error.message))
                return
            except TenancyError:
                # Nobody knows. Its operations are not served in the meantime.
                await asyncio.sleep(_ASK_AGAIN_SECONDS)
            else:
                return


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
        with self._sockets.holding(self):
            if await self._admitted():
                with self._timer():
                    await super().handle()

    async def handle_message(self, message: Message) -> None:
        """Handle a message that arrived in time."""
        if self._deadline is not None and time.time() >= self._deadline:
            await self._expire()  # the machine slept through the timer
        if not self._ended:
            await super().handle_message(message)

    async def end(self, code: int, reason: str) -> None:
        """Stop every operation and close the socket; harmless when it is closed already."""
        if self._ended:
            return
        self._ended = True
        for operation_id in tuple(self.operations):
            await self.cleanup_operation(operation_id)
        with suppress(RuntimeError, WebSocketDisconnect):  # the client was quicker
            await self.websocket.close(code, reason)

    async def _admitted(self) -> bool:
        # Here and not before the handshake: a browser is told the code of a close, not the status
        # of a handshake that failed.
        context = cast(Context, self.context)
        try:
            await context.runtime.resolve(context.scope, context["request"].scope["headers"])
            if self.tenant_id is not None:
                await context.runtime.admit(self.tenant_id)
        except TenancyError as error:
            await self.end(_code(error), error.message)
        return not self._ended

    @property
    def _sockets(self) -> OpenSockets:
        return cast(Any, self.view).sockets

    @contextmanager
    def _timer(self) -> Generator[None]:
        expires_at = cast(Context, self.context).scope.claims.expires_at
        if expires_at is None:
            yield
            return
        now = time.time()
        # A token that `leeway` has admitted after its end is not refused in the same breath.
        leeway = self._sockets.runtime.config.auth.leeway if expires_at <= now else 0
        self._deadline = expires_at + leeway
        timer = asyncio.get_running_loop().call_later(
            self._deadline - now, lambda: self._sockets.spawn(self._expire())
        )
        try:
            yield
        finally:
            timer.cancel()

    async def _expire(self) -> None:
        await self.end(_UNAUTHORIZED, "The token has expired")


def _code(error: TenancyError) -> int:
    if isinstance(error, Unauthorized):
        return _UNAUTHORIZED
    return _TRY_AGAIN_LATER if error.status == ServiceUnavailable.status else _FORBIDDEN

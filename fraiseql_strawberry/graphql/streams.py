"""Streams over HTTP (server-sent events): each ends with its token and its tenant, and says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from graphql import GraphQLError
from strawberry.types import ExecutionResult

from ..errors import TenancyError
from .context import Context
from .open_connections import OpenConnections
from .public_errors import refused

__all__ = ["TenantStream"]


class TenantStream:
    """The results of one operation, until it ends or is ended.

    Args:
        results: What Strawberry executes.
        context: The request's.
        connections: Those of the router that are open.
    """

    def __init__(
        self, results: AsyncGenerator[Any], context: Context, connections: OpenConnections
    ) -> None:
        self._results = results
        self._context = context
        self._connections = connections
        self._queue: asyncio.Queue[Any] = asyncio.Queue(1)
        self._refused = asyncio.Event()
        self._error: TenancyError | None = None

    @property
    def tenant_id(self) -> str | None:
        """Whose it is."""
        return self._context.scope.tenant_id

    async def refuse(self, error: TenancyError) -> None:
        """Stop the operation; the last that the client reads is the error."""
        if self._error is None:
            self._error = error
            self._refused.set()

    async def results(self) -> AsyncGenerator[Any]:
        """What goes to the client."""
        connections, claims = self._connections, self._context.scope.claims
        with connections.holding(self), connections.until_expiry(self, claims):
            # One task for the whole operation, whose hooks keep what they know in its context.
            pump = asyncio.create_task(self._pump())
            ended = asyncio.create_task(self._refused.wait())
            try:
                async for result in self._until(pump, ended):
                    yield result
            finally:
                # Also where the client has gone: the operation must not wait for its next event.
                for task in (ended, pump):
                    task.cancel()
                await asyncio.wait((ended, pump))
            if self._error is not None:
                yield ExecutionResult(data=None, errors=refused(self._error).errors)
            elif not pump.cancelled() and isinstance(fault := pump.exception(), Exception):
                yield ExecutionResult(data=None, errors=[GraphQLError("", original_error=fault)])

    async def _until(
        self, pump: asyncio.Task[None], ended: asyncio.Task[Any]
    ) -> AsyncGenerator[Any]:
        while not ended.done():
            taken = asyncio.create_task(self._queue.get())
            try:
                await asyncio.wait((taken, pump, ended), return_when=asyncio.FIRST_COMPLETED)
                if self._error is not None:
                    return
                if not taken.done() and self._queue.empty():
                    return  # the pump has ended
                yield await taken
            finally:
                taken.cancel()

    async def _pump(self) -> None:
        async with aclosing(self._results):
            async for result in self._results:
                await self._queue.put(result)

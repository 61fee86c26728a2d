"""What stands between an operation and the database, in both lanes.

The order is fixed: middlewares, then the tenant, then whether it is served. Nothing here sends
a statement of the operation, and whatever raises means that none will be sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from starlette.datastructures import Headers

from ..runtime import Runtime
from .context import Context
from .documents import OperationFacts
from .middleware import Middleware, MiddlewareRequest, Outcome, RequestAuth, run_middleware

__all__ = ["Around", "admit_operation", "middleware_request"]


async def admit_operation(runtime: Runtime, context: Context, facts: OperationFacts) -> None:
    """Let an operation through whose tenant is known and served.

    Raises:
        Unauthorized: When it needs a tenant and there is none.
        TenantUnavailable: When the tenant is not served.
    """
    tenant_id = context.scope.require_tenant() if facts.needs_tenant else context.scope.tenant_id
    if tenant_id is not None:
        await runtime.admit(tenant_id)


def middleware_request(
    context: Context, facts: OperationFacts, headers: Iterable[tuple[bytes, bytes]]
) -> MiddlewareRequest:
    """What the middlewares see of an operation.

    Args:
        context: The mapping that becomes `info.context`.
        facts: The operation.
        headers: `scope["headers"]` of the ASGI request; empty outside of one.
    """
    auth = RequestAuth(context.scope.claims)
    return MiddlewareRequest(Headers(raw=list(headers)), auth, context, facts.name, facts.type)


class Around:
    """Runs a middleware chain around a block that somebody else suspends and resumes.

    Strawberry's hooks are generators: what comes before and after an operation is two halves of
    one function. A middleware is a call around the operation. So the chain runs as a task that
    waits at its innermost point until the operation has ended.
    """

    _reached: asyncio.Future[None]
    _outcome: asyncio.Future[Outcome]

    def __init__(self) -> None:
        self._task: asyncio.Task[Outcome] | None = None

    @property
    def entered(self) -> bool:
        """Whether there is a chain."""
        return self._task is not None

    async def enter(
        self,
        chain: tuple[Middleware, ...],
        request: MiddlewareRequest,
        admit: Callable[[], Awaitable[None]],
    ) -> None:
        """Run the chain up to the operation; raises what it or `admit` raised."""
        loop = asyncio.get_running_loop()
        self._reached, self._outcome = loop.create_future(), loop.create_future()

        async def endpoint() -> Outcome:
            await admit()
            self._reached.set_result(None)
            return await self._outcome

        self._task = asyncio.ensure_future(run_middleware(chain, request, endpoint))
        await asyncio.wait((self._task, self._reached), return_when=asyncio.FIRST_COMPLETED)
        if not self._reached.done():
            self._reached.cancel()
            await self._task

    async def leave(self, outcome: Outcome) -> None:
        """Run the rest of the chain; raises what it raised."""
        assert self._task is not None
        self._outcome.set_result(outcome)
        await self._task

    def abandon(self) -> None:
        """The operation was cancelled: so is the chain."""
        if self._task is not None and not self._task.done():
            self._task.cancel()

"""How a root field gets its value: from its body, with a session of its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from anyio.to_thread import run_sync

from ..runtime import running
from .definition import Operation, SessionParameter
from .scopes import check_scopes

__all__ = ["call_body", "resolve_with_session"]


async def call_body(
    function: Callable[..., Any],
    operation: Operation,
    session: SessionParameter | None,
    args: tuple[Any, ...],
    arguments: dict[str, Any],
) -> Any:
    """Run the body of a root field: scopes first, then the tenant, then the session, then it.

    Args:
        function: The body.
        operation: What the decorator said.
        session: Its session argument, if it has one.
        args: `self`, for fields inside a class.
        arguments: The converted GraphQL arguments, and `info` where the body wants it.

    Raises:
        Forbidden: When a scope is missing.
        Unauthorized: When there is no tenant and the field needs one.
    """
    check_scopes(operation.scopes)
    if operation.tenant:
        running().scope.require_tenant()

    def call(**injected: Any) -> Any:
        return function(*args, **arguments, **injected)

    return await resolve_with_session(call, session, sync=not inspect.iscoroutinefunction(function))


async def resolve_with_session(
    call: Callable[..., Any], session: SessionParameter | None, *, sync: bool
) -> Any:
    """Call a body with its session, which commits before this returns.

    Args:
        call: Takes the session by its argument's name.
        session: The session argument; None calls the body without one.
        sync: Whether the body is sync: then it runs in a worker thread, as FastAPI's sync
            routes do, so it never blocks the event loop.
    """
    if session is None:
        return await (run_sync(_run_to_end, call) if sync else call())
    async with running().runtime.session() as tenant_session:
        if not sync:
            return await call(**{session.name: tenant_session})
        injected = {session.name: tenant_session.sync_session}
        return await run_sync(_run_to_end, lambda: call(**injected))


def _run_to_end(call: Callable[[], Any]) -> Any:
    result = call()
    if not inspect.iscoroutine(result):
        return result
    # Strawberry wraps a sync resolver below an async extension into a coroutine that never waits.
    try:
        result.send(None)
    except StopIteration as end:
        return end.value
    result.close()
    raise RuntimeError("a sync resolver awaited something; make it async")

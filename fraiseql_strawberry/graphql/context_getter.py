"""A context getter for Strawberry's routers: the application's own, with the tenant in it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from ..fastapi import scope_of, set_runtime
from ..runtime import Runtime
from .context import Context, make_context

__all__ = ["tenant_context_getter"]


def tenant_context_getter(
    runtime: Runtime, getter: Callable[..., Any] | None, *, sockets: bool = True
) -> Callable[..., Any]:
    """Wrap a context getter.

    Args:
        runtime: The tenancy.
        getter: The application's own getter, with dependencies of its own if it likes; or None.
        sockets: Whether WebSockets are resolved here; our router does it once they are open.

    Returns:
        A FastAPI dependency that resolves the tenant and gives a `Context`.
    """

    async def add_tenant(connection: HTTPConnection, custom: Any = None) -> Context:
        set_runtime(connection.app, runtime)
        scope = scope_of(connection.scope)
        if sockets or connection.scope["type"] != "websocket":
            await runtime.resolve(scope, connection.scope["headers"])
        return make_context(runtime, scope, custom)

    signature = inspect.signature(add_tenant)
    connection, custom = signature.parameters.values()
    # Without a getter there is no dependency either: FastAPI would call a sync one in a thread.
    others = [custom.replace(annotation=Any, default=Depends(getter))] if getter else []
    add_tenant.__signature__ = signature.replace(  # pyright: ignore[reportFunctionMemberAccess]
        parameters=[
            # The annotations are evaluated here: FastAPI looks them up in this module otherwise.
            connection.replace(annotation=HTTPConnection),
            *others,
        ]
    )
    return add_tenant

"""Code of the user's around each GraphQL operation, in both lanes, before anything touches SQL."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..auth import Claims
from ..errors import Unauthorized, UsageError

__all__ = [
    "Middleware",
    "MiddlewareRequest",
    "Outcome",
    "RequestAuth",
    "middleware",
    "run_middleware",
]


@dataclass(frozen=True, slots=True)
class RequestAuth:
    """The verified side of a request; `claims` is empty where there is no token."""

    claims: Claims


@dataclass(frozen=True, slots=True)
class MiddlewareRequest:
    """What a middleware sees of an operation.

    Args:
        headers: The HTTP headers, by lower-case name.
        auth: `auth.claims` is the verified content of the token.
        context: The mapping that becomes `info.context`; `tenant_id` may be set where none was
            resolved from a verified claim or a trusted header, or repeated, never changed.
        operation_name: The operation's name, or None.
        operation_type: "query", "mutation" or "subscription".
    """

    headers: Mapping[str, str]
    auth: RequestAuth
    context: MutableMapping[str, Any]
    operation_name: str | None
    operation_type: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `next` gives back: how the operation ended. It is read-only."""

    status: int
    errors: tuple[Mapping[str, Any], ...] = ()


Next = Callable[[MiddlewareRequest], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Middleware:
    """A function `(request, next)` that `@fraiseql.middleware` marked."""

    function: Callable[[Any, Any], Any]

    def __call__(self, request: MiddlewareRequest, next: Next) -> Any:
        """Call the function."""
        return self.function(request, next)


def middleware(function: Callable[[Any, Any], Any]) -> Middleware:
    """Run a function around every GraphQL operation of the schema whose module defines it.

    Args:
        function: Takes `(request, next)`; sync (`return next(request)`) or async
            (`return await next(request)`). A `PermissionError` in it ends the request with the
            401 body, before anything touches PostgreSQL.

    Returns:
        The marked function; `build_schema` finds it, in the order of definition.
    """
    return Middleware(function)


async def run_middleware(
    chain: Sequence[Middleware],
    request: MiddlewareRequest,
    endpoint: Callable[[], Awaitable[Outcome]],
) -> Outcome:
    """Call the chain, outermost first, and the operation itself in its middle.

    Args:
        chain: The middlewares in the order of their definition.
        request: What they see.
        endpoint: Runs the operation.

    Raises:
        Unauthorized: When one of them raised PermissionError.
        UsageError: When one of them neither called `next` nor raised, or called it twice.
    """
    served: list[Outcome] = []

    async def call(index: int) -> Outcome:
        if index == len(chain):
            if served:
                raise UsageError(hint="a middleware called next() twice: an operation runs once")
            served.append(await endpoint())
            return served[0]
        result = chain[index](request, lambda _request: call(index + 1))
        while inspect.isawaitable(result):  # an async one may return next(request) as it is
            result = await result
        return result

    try:
        await call(0)
    except PermissionError as error:
        raise Unauthorized(str(error) or None) from error
    if not served:
        raise UsageError(hint="a middleware returned without calling next(request)")
    return served[0]

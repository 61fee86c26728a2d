"""Who may call: scopes of the verified token, checked before the body and before any SQL."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from ..errors import Forbidden
from ..scope import current_scope

__all__ = ["check_scopes", "required_scopes", "requires_scope"]

F = TypeVar("F", bound=Callable[..., Any] | StrawberryField)

_ATTRIBUTE = "__fraiseql_scopes__"


def requires_scope(*scopes: str) -> Callable[[F], F]:
    """Let only callers through whose token holds all of `scopes` (RFC 6749, section 3.3).

    Works below `@fraiseql.query` and `@fraiseql.mutation`, above or below `@strawberry.field`,
    and on FastAPI routes that have a `TenantSession`: the check is part of the function itself,
    so no order of decorators leaves it out.

    Args:
        *scopes: The scopes, each of which is needed.

    Raises:
        TypeError: When no scope is named (`@requires_scope` without a call, for one).
        Forbidden: On a call without them; as a GraphQL field error or a 403.
    """
    if not scopes or not all(isinstance(scope, str) and scope for scope in scopes):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError('requires_scope takes scope names: @requires_scope("write:posts")')
    needed = frozenset(scopes)

    def decorate(target: Any) -> Any:
        if isinstance(target, StrawberryField):
            target.extensions.append(_ScopeExtension(needed))
            return target
        return _guarded(target, needed)

    return decorate


def check_scopes(needed: frozenset[str]) -> None:
    """Refuse a caller whose token lacks one of the scopes.

    Raises:
        Forbidden: Naming what is missing.
    """
    missing = needed - current_scope().claims.scopes if needed else needed
    if missing:
        raise Forbidden(f"Missing scope: {' '.join(sorted(missing))}")


def required_scopes(function: object) -> frozenset[str]:
    """The scopes that `requires_scope` put on a function."""
    return getattr(function, _ATTRIBUTE, frozenset())


def _guarded(function: Callable[..., Any], needed: frozenset[str]) -> Callable[..., Any]:
    guarded: Callable[..., Any]
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def guarded_async(*args: Any, **kwargs: Any) -> Any:
            check_scopes(needed)
            return await function(*args, **kwargs)

        guarded = guarded_async
    else:

        @functools.wraps(function)
        def guarded_sync(*args: Any, **kwargs: Any) -> Any:
            check_scopes(needed)
            return function(*args, **kwargs)

        guarded = guarded_sync
    setattr(guarded, _ATTRIBUTE, needed | required_scopes(function))
    return guarded


class _ScopeExtension(FieldExtension):
    def __init__(self, needed: frozenset[str]) -> None:
        self.needed = needed

    def resolve(self, next_: Callable[..., Any], source: Any, info: Any, **kwargs: Any) -> Any:
        check_scopes(self.needed)
        return next_(source, info, **kwargs)

    async def resolve_async(
        self, next_: Callable[..., Any], source: Any, info: Any, **kwargs: Any
    ) -> Any:
        check_scopes(self.needed)
        return await next_(source, info, **kwargs)

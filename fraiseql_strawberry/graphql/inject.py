"""`TenantSession` as an argument: found by its annotation, kept out of the GraphQL schema."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Annotated, Any, cast, get_args, get_origin

from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from ..errors import SchemaError
from ..fastapi import SessionMarker
from .definition import SessionParameter
from .resolving import resolve_with_session

__all__ = ["evaluated", "find_session_parameter", "inject", "session_parameters"]


def find_session_parameter(function: Callable[..., Any]) -> SessionParameter | None:
    """The argument annotated with `TenantSession` or `SyncTenantSession`, if there is one.

    Raises:
        SchemaError: When there are two, when an async body asks for the sync session, or the
            other way round.
    """
    found = session_parameters(function)
    if not found:
        return None
    if len(found) > 1:
        raise SchemaError(f"{function.__name__}() takes two tenant sessions; one is enough")
    if found[0].sync == inspect.iscoroutinefunction(function):
        wanted = "TenantSession" if found[0].sync else "SyncTenantSession"
        kind = "async" if found[0].sync else "sync"
        raise SchemaError(
            f"{function.__name__}() is {kind}: annotate {found[0].name} with {wanted}"
        )
    return found[0]


def session_parameters(function: Callable[..., Any]) -> list[SessionParameter]:
    """All arguments that are tenant sessions, whether they make sense or not."""
    found: list[SessionParameter] = []
    for parameter in inspect.signature(function).parameters.values():
        annotation = evaluated(parameter.annotation, function)
        if get_origin(annotation) is Annotated:
            found += [
                SessionParameter(parameter.name, marker.sync)
                for marker in get_args(annotation)[1:]
                if isinstance(marker, SessionMarker)
            ]
    return found


def evaluated(annotation: Any, function: Callable[..., Any]) -> Any:
    """What an annotation of a function means; the text itself for a name that is not known yet."""
    if not isinstance(annotation, str):
        return annotation
    module = sys.modules.get(function.__module__)
    try:
        return eval(annotation, getattr(inspect.unwrap(function), "__globals__", vars(module)))  # noqa: S307
    except (NameError, AttributeError, TypeError, SyntaxError):
        return annotation  # a forward reference to a GraphQL type; a session is never one


class _Inject(FieldExtension):
    """`extensions=[fraiseql.inject]` gives a native Strawberry resolver its tenant session."""

    _KEY = "fraiseql_session"

    def apply(self, field: StrawberryField) -> None:
        resolver = cast(Any, field.base_resolver)  # pyright: ignore[reportUnknownMemberType]
        session = None if resolver is None else find_session_parameter(resolver.wrapped_func)
        if resolver is None or session is None:
            raise SchemaError(
                f"fraiseql.inject on {field.python_name!r}: annotate an argument with TenantSession"
            )
        field.arguments = [a for a in field.arguments if a.python_name != session.name]
        known: Any = {**field.metadata, self._KEY: (session, resolver.is_async)}
        field.metadata = known

    async def resolve_async(
        self, next_: Callable[..., Any], source: Any, info: Any, **kwargs: Any
    ) -> Any:
        session, is_async = info._field.metadata[self._KEY]

        def call(**injected: Any) -> Any:
            return next_(source, info, **kwargs, **injected)

        return await resolve_with_session(call, session, sync=not is_async)


inject = _Inject()

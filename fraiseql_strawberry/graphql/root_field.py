"""A Strawberry field of a plain function, with the signature that the schema is made from."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any

import strawberry
from strawberry.types.fields.resolver import StrawberryResolver

__all__ = ["make_field", "takes_info", "with_signature"]


def make_field(
    field_class: type[Any],
    function: Callable[..., Any],
    metadata: dict[str, Any],
    options: dict[str, Any],
    resolver: StrawberryResolver[Any],
    *,
    is_subscription: bool = False,
) -> Any:
    """Make a root field.

    Args:
        field_class: Its class.
        function: The function that was decorated.
        metadata: What the decorator said.
        options: Whatever `strawberry.field` takes.
        resolver: What Strawberry calls.
        is_subscription: Whether the resolver gives events.
    """
    options.setdefault("description", inspect.getdoc(function))
    template = strawberry.field(**options)
    field = field_class(
        python_name=None,
        graphql_name=template.graphql_name,
        type_annotation=template.type_annotation,
        is_subscription=is_subscription,
        description=template.description,
        permission_classes=template.permission_classes,
        metadata={**template.metadata, **metadata},
        deprecation_reason=template.deprecation_reason,
        directives=template.directives,
        extensions=[e for e in template.extensions if not _is_permission(e)],
    )
    return field(resolver)


def takes_info(function: Callable[..., Any]) -> bool:
    """Whether the function wants Strawberry's `info`."""
    return "info" in inspect.signature(function).parameters


def with_signature(
    resolve: Any, function: Callable[..., Any], *, without: Collection[str] = ()
) -> Any:
    """Give a resolver the name and the signature of a function, and an `info`.

    Args:
        resolve: The resolver; it is changed, and returned.
        function: The function.
        without: Parameters that are no GraphQL arguments.
    """
    signature = inspect.signature(function)
    hidden = {"info", *without}
    info = inspect.Parameter("info", inspect.Parameter.KEYWORD_ONLY, annotation=strawberry.Info)
    kept = [p for p in signature.parameters.values() if p.name not in hidden]
    resolve.__signature__ = signature.replace(parameters=[*kept, info])
    resolve.__name__ = function.__name__
    resolve.__qualname__ = function.__qualname__
    resolve.__module__ = function.__module__
    resolve.__doc__ = function.__doc__
    resolve.__annotations__ = {p.name: p.annotation for p in (*kept, info)}
    return resolve


def _is_permission(extension: object) -> bool:
    # StrawberryField adds it itself, from permission_classes.
    return isinstance(extension, strawberry.permission.PermissionExtension)

"""Whether code of the user's could look at an operation's document, and not at its values only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from strawberry import Schema
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField

from .definition import OperationField
from .relation import RelationField

__all__ = ["all_safe", "document_is_seen", "info_is_seen"]


def all_safe(extensions: Iterable[Any]) -> bool:
    """Whether each schema extension says of itself `fraiseql_safe = True`."""
    return all(getattr(_class(each), "fraiseql_safe", False) is True for each in extensions)


def document_is_seen(schema: Schema) -> bool:
    """Whether something that stands around every operation could look at its document.

    Strawberry's own extensions look at its text, its rules and its result only.
    """
    executor: object = getattr(schema, "execution_context_class", None)
    others = [each for each in schema.extensions if not _is_strawberrys(each)]
    return (
        executor is not StrawberryGraphQLCoreExecutionContext
        or bool(schema.directives)
        or not all_safe(others)
    )


def info_is_seen(field: object) -> bool:
    """Whether a field hands `info` to code of the user's, which holds the nodes below it.

    Args:
        field: What graphql-core's field keeps as `strawberry-definition`.
    """
    if not isinstance(field, StrawberryField):
        return True
    if field.permission_classes or field.extensions:
        return True
    if isinstance(field, OperationField):
        return field.operation.source is None and field.operation.info
    if type(field) is RelationField:
        return False
    resolver = cast(Any, field).base_resolver
    return resolver is not None and resolver.info_parameter is not None


def _class(extension: Any) -> Any:
    # tenancy.extension is a partial of our own class.
    return getattr(extension, "func", extension)


def _is_strawberrys(extension: Any) -> bool:
    module = getattr(_class(extension), "__module__", "")
    return isinstance(extension, type) and module.startswith("strawberry.")

"""Whether code of the user's could look at an operation's document, its fields or its result."""

from __future__ import annotations

from typing import Any, cast

from strawberry import Schema
from strawberry.types.field import StrawberryField

from .aggregate_part import PartField
from .definition import OperationField
from .executor import has_own_executor
from .relation import RelationField

__all__ = ["document_is_seen", "info_is_seen", "result_is_seen", "unsafe_extension"]


def document_is_seen(schema: Schema) -> bool:
    """Whether something that stands around every operation could look at its document.

    A schema extension does, unless its own class says `fraiseql_safe = True`; those that come
    with Strawberry look at its text, its rules and its result only.
    """
    return (
        has_own_executor(schema)
        or bool(cast(Any, schema).directives)
        or not all(map(_looks_away, schema.extensions))
    )


def info_is_seen(field: object) -> bool:
    """Whether a field hands `info` to code of the user's, which holds the nodes below it.

    Args:
        field: What graphql-core's field keeps as `strawberry-definition`.
    """
    if not isinstance(field, StrawberryField):
        return True
    if field.extensions:  # permission classes are in them
        return True
    if isinstance(field, OperationField):
        return field.operation.source is None and field.operation.info
    if type(field) in (RelationField, PartField):
        return False
    resolver = cast(Any, field).base_resolver
    return resolver is not None and resolver.info_parameter is not None


def unsafe_extension(schema: Schema) -> str | None:
    """The name of a schema extension that may look at anything, or None.

    One whose own class says `fraiseql_safe = True` does not: a class that inherits it may see more
    than its parent.

    Args:
        schema: The schema.
    """
    for extension in schema.extensions:
        kind: Any = getattr(extension, "func", extension)  # tenancy.extension is a partial
        if not isinstance(kind, type) or vars(kind).get("fraiseql_safe") is not True:
            return getattr(kind, "__name__", type(kind).__name__)
    return None


def result_is_seen(schema: Schema) -> bool:
    """Whether something between execution and response could look at an operation's `data`.

    Args:
        schema: The schema.
    """
    return (
        has_own_executor(schema)
        or unsafe_extension(schema) is not None
        or type(schema).execute is not Schema.execute
    )


def _looks_away(extension: Any) -> bool:
    kind = getattr(extension, "func", extension)  # tenancy.extension is a partial
    if not isinstance(kind, type):
        return False
    return vars(kind).get("fraiseql_safe") is True or kind.__module__.startswith("strawberry.")

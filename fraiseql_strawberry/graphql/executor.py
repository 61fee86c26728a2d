"""graphql-core's execution, which takes finished values as they are.

A field whose whole subtree was compiled has its JSON from PostgreSQL. Its resolver returns it as a
`Finished` value, and the executor puts that into the response: it executes no selection below it,
which costs more than all the rest (57 µs a row). Everything else, errors and nulls that spread
too, stays graphql-core's.
"""

from __future__ import annotations

from typing import Any, cast

from strawberry import Schema
from strawberry.extensions.directives import DirectivesExtension, DirectivesExtensionSync
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from ..scope import find_scope
from .compiler import Finished

__all__ = ["FinishingExecutor", "has_own_executor", "install_executor", "takes_finished"]

# Strawberry's own: it hands a value on as it is, but for fields with a directive, and a field with
# one is never finished.
_HANDING_ON = (DirectivesExtension, DirectivesExtensionSync)


_theirs = cast(Any, StrawberryGraphQLCoreExecutionContext)
_complete_list, _complete_object = _theirs.complete_list_value, _theirs.complete_object_value


class FinishingExecutor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor. It tells the running operation that it takes finished values."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        manager: Any = self.middleware_manager
        watching = manager.middlewares if manager is not None else ()
        scope = find_scope()
        state = scope.operation if scope is not None else None
        if state is not None:
            state.finishing = not any(map(_sees_fields, watching))

    def complete_list_value(
        self,
        return_type: Any,
        field_details_list: Any,
        info: Any,
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        """The list, of which nothing is left to do where it is finished."""
        if type(result) is Finished:
            return result.value
        return _complete_list(
            self, return_type, field_details_list, info, path, result, position_context
        )

    def complete_object_value(
        self,
        return_type: Any,
        field_details_list: Any,
        info: Any,
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        """The object, of which nothing is left to do where it is finished."""
        if type(result) is Finished:
            return result.value
        return _complete_object(
            self, return_type, field_details_list, info, path, result, position_context
        )


def install_executor(schema: Schema) -> None:
    """Let a schema that has no execution context class of its own execute with ours.

    Args:
        schema: The schema; the change is made in it.
    """
    if not has_own_executor(schema):
        schema.execution_context_class = FinishingExecutor


def has_own_executor(schema: Schema) -> bool:
    """Whether a schema has an execution context class of the application's, which may do anything.

    Args:
        schema: The schema, served or not.
    """
    return _executor_of(schema) not in (StrawberryGraphQLCoreExecutionContext, FinishingExecutor)


def takes_finished(schema: Schema) -> bool:
    """Whether operations of a served schema are executed with finished values.

    Args:
        schema: The schema.
    """
    extensions = cast(Any, schema).get_extensions()
    return _executor_of(schema) is FinishingExecutor and not any(
        _sees_fields(extension) for extension in extensions if extension._implements_resolve()
    )


def _executor_of(schema: Schema) -> Any:
    return getattr(schema, "execution_context_class", None)


def _sees_fields(extension: Any) -> bool:
    """Whether an extension with a `resolve` hook may look at the fields that it is called for.

    One that says `fraiseql_safe = True` is also not called for what was compiled in the fast lane.
    """
    kind = cast(Any, type(extension))
    own = cast("dict[str, object]", vars(kind))
    return own.get("fraiseql_safe") is not True and kind not in _HANDING_ON

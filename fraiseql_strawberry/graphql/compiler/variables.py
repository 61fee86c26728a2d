"""Variables of a request, coerced exactly as graphql-core does, from functions chosen once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from graphql import (
    GraphQLSchema,
    Undefined,
    VariableDefinitionNode,
    is_leaf_type,
)

from .core import coerce_literal, coerce_value, nullable_type, type_of_node
from .reason import SteppedAside

__all__ = ["Variables"]

_ABSENT: Any = object()


class Variables:
    """The variables of an operation.

    Args:
        schema: The schema.
        definitions: Their definitions; the document is valid.

    Raises:
        SteppedAside: When a default is invalid.
    """

    __slots__ = ("_specs",)

    def __init__(
        self, schema: GraphQLSchema, definitions: Iterable[VariableDefinitionNode]
    ) -> None:
        self._specs = tuple(_spec(schema, definition) for definition in definitions)

    def coerce(self, inputs: Mapping[str, Any]) -> dict[Any, Any]:
        """The coerced values; a variable without value and default stays absent.

        Args:
            inputs: What the request brought; names that the operation lacks are ignored.

        Raises:
            SteppedAside: When a value is invalid: the standard lane makes the error.
        """
        values: dict[Any, Any] = {}
        for name, required, coerce, default in self._specs:
            value = inputs.get(name, _ABSENT)
            if value is _ABSENT:
                if default is not _ABSENT:
                    values[name] = default
                elif required:
                    raise SteppedAside("a variable is missing")
            elif value is None:
                if required:
                    raise SteppedAside("a variable is null")
                values[name] = None
            else:
                try:
                    value = coerce(value)
                except Exception as error:  # whatever a scalar raises makes the value invalid
                    raise SteppedAside("a variable is invalid") from error
                if value is Undefined:
                    raise SteppedAside("a variable is invalid")
                values[name] = value
        return values


def _spec(
    schema: GraphQLSchema, definition: VariableDefinitionNode
) -> tuple[str, bool, Callable[[Any], Any], Any]:
    name = definition.variable.name.value
    type_ = type_of_node(schema, definition.type)
    default = _ABSENT
    if definition.default_value is not None:
        default = coerce_literal(definition.default_value, type_)
        if default is Undefined:
            raise SteppedAside("a variable's default is invalid")
    inner, nullable = nullable_type(type_)
    if is_leaf_type(inner):
        return name, not nullable, inner.coerce_input_value, default
    return name, not nullable, lambda value: coerce_value(value, inner), default

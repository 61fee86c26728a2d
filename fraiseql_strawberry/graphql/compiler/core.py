"""What the compiler takes from graphql-core where its own annotations are incomplete.

Its type wrappers are generic without saying so (`GraphQLList[Unknown]`), which a strict type
checker cannot follow; here they are told once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import graphql
from graphql import GraphQLSchema, TypeNode

__all__ = [
    "argument_type",
    "coerce_literal",
    "coerce_value",
    "input_type",
    "named_type",
    "nullable_type",
    "type_of_node",
]

_core: Any = graphql

coerce_literal: Callable[..., Any] = _core.coerce_input_literal
"""The value of a literal for a type and, if it holds any, of variables; `Undefined` if invalid."""

coerce_value: Callable[[Any, Any], Any] = _core.coerce_input_value
"""The value of a JSON value for a type; `Undefined` if invalid."""

named_type: Callable[[Any], Any] = _core.get_named_type
"""The type inside of lists and non-nulls."""


def type_of_node(schema: GraphQLSchema, node: TypeNode) -> Any:
    """The type that a document names."""
    return _core.type_from_ast(schema, node)


def nullable_type(type_: Any) -> tuple[Any, bool]:
    """The type without its non-null, and whether it had none."""
    required = isinstance(type_, _core.GraphQLNonNull)
    return (type_.of_type if required else type_), not required


def argument_type(argument: Any) -> Any:
    """The type of an argument."""
    return argument.type


def input_type(type_info: Any) -> Any:
    """The type of the value that a visitor is at; None where nobody knows it."""
    return type_info.get_input_type()

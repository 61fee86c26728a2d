"""The arguments of a field that writes: what a client gave, null too, and nothing that it did not.

A filter takes null and absent for the same. What is written does not: null is a value, and a column
that is absent keeps its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import FieldNode, NullValueNode, Undefined, ValueNode, VariableNode, VariableValues

from .arguments import Values
from .core import argument_type, coerce_literal, nullable_type
from .fields import Argument, Arguments
from .reason import SteppedAside

__all__ = ["given_arguments"]

_NO_LITERALS: Mapping[int, int] = {}
_ABSENT: Any = object()


def given_arguments(
    node: FieldNode,
    arguments: Arguments,
    values: Values,
    lifted: Mapping[int, int] = _NO_LITERALS,
) -> dict[str, Any]:
    """The coerced values of a field's arguments, by their Python names.

    A default that is None stands for an argument that is not there; any other is a value.

    Args:
        node: The first node of the field; merged ones have equal arguments.
        arguments: The field's arguments, by GraphQL name.
        values: Those of the request.
        lifted: For literals that stand for any of their kind: start in the text → number.

    Raises:
        SteppedAside: When a value is invalid: the standard lane says why.
    """
    nodes = {argument.name.value: argument.value for argument in node.arguments or ()}
    found: dict[str, Any] = {}
    for name, argument in arguments.items():
        value = _value(nodes.get(name), argument, values, lifted)
        if value is not _ABSENT:
            found[argument.python_name] = value
    return found


def _value(
    node: ValueNode | None, argument: Argument, values: Values, lifted: Mapping[int, int]
) -> Any:
    type_ = argument_type(argument.definition)
    _, nullable = nullable_type(type_)
    if node is None or (isinstance(node, VariableNode) and node.name.value not in values):
        default = argument.definition.default_value
        if default is Undefined and not nullable:
            raise SteppedAside("a required argument is missing")
        return _ABSENT if default is Undefined or default is None else default
    if isinstance(node, VariableNode):
        value = values[node.name.value]
    elif node.loc is not None and node.loc.start in lifted:
        value = values[lifted[node.loc.start]]
    elif isinstance(node, NullValueNode):
        value = None
    else:
        value = coerce_literal(node, type_, VariableValues({}, dict(values)))
        if value is Undefined:
            raise SteppedAside("an invalid value")
    if value is None and not nullable:
        raise SteppedAside("a required argument is null")
    return value

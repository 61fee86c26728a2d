"""What each argument of a field is in one shape of a request: absent, null, known, or bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    NullValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    VariableValues,
    Visitor,
    visit,
)

from .core import argument_type, coerce_literal
from .fields import Arguments
from .reason import SteppedAside

__all__ = [
    "ArgumentValue",
    "Computed",
    "Given",
    "Known",
    "Values",
    "has_variables",
    "read_arguments",
]

Values = Mapping[Any, Any]
"""Coerced values by what they are bound to: variable names, and numbers of lifted literals."""


@dataclass(frozen=True, slots=True)
class Known:
    """A value that is part of the shape.

    Args:
        value: The Python value.
        ours: Whether it is the signature's default, not a literal of the client's.
    """

    value: Any
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """A value that each request brings, never null in this shape; `key` is its key in `Values`."""

    key: Any


@dataclass(frozen=True, slots=True)
class Computed:
    """A list or object with variables inside, made anew for each request."""

    node: ValueNode
    type: Any

    def value(self, values: Values) -> Any:
        """The value; graphql-core's Undefined when it is invalid."""
        return coerce_literal(self.node, self.type, VariableValues({}, dict(values)))


ArgumentValue = Known | Given | Computed


def read_arguments(
    node: FieldNode, arguments: Arguments, values: Values, lifted: Mapping[int, int]
) -> dict[str, ArgumentValue]:
    """The arguments of a field by their Python names; those that are absent or null are left out.

    Null and absent come to the same here: neither filters, and a list falls back to its default.

    Args:
        node: The first node of the field; merged ones have equal arguments.
        arguments: The field's arguments, by GraphQL name.
        values: Those of the request whose shape is compiled.
        lifted: For literals that stand for any of their kind: start in the text → number.

    Raises:
        SteppedAside: When a value is invalid: the standard lane says why.
    """
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    found: dict[str, ArgumentValue] = {}
    for name, argument in arguments.items():
        value = given.get(name)
        if value is None or (isinstance(value, VariableNode) and value.name.value not in values):
            default = argument.definition.default_value
            if default is not Undefined and default is not None:
                found[argument.python_name] = Known(default, ours=True)
        elif isinstance(value, VariableNode):
            if values[value.name.value] is not None:
                found[argument.python_name] = Given(value.name.value)
        elif value.loc is not None and value.loc.start in lifted:
            found[argument.python_name] = Given(lifted[value.loc.start])
        elif not isinstance(value, NullValueNode):
            type_ = argument_type(argument.definition)
            if has_variables([value]):
                found[argument.python_name] = Computed(value, type_)
                continue
            constant = coerce_literal(value, type_)
            if constant is Undefined:
                raise SteppedAside("an invalid literal")
            found[argument.python_name] = Known(constant)
    return found


def has_variables(nodes: Iterable[ValueNode]) -> bool:
    """Whether a variable stands anywhere in the values."""
    finder = _VariableFinder()
    for node in nodes:
        visit(node, finder)
    return finder.found


class _VariableFinder(Visitor):
    found = False

    def enter_variable(self, *_: Any) -> None:
        self.found = True

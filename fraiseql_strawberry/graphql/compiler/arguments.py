"""What each argument of a field is in one shape of a request: absent, null, known, or bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    FieldNode,
    FloatValueNode,
    IntValueNode,
    ListValueNode,
    NameNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    VariableValues,
    Visitor,
    visit,
)

from .core import argument_type, coerce_literal, nullable_type
from .fields import Arguments
from .reason import SteppedAside

__all__ = [
    "TENANT",
    "ArgumentValue",
    "Computed",
    "Given",
    "Known",
    "OfTenant",
    "Values",
    "has_variables",
    "items_of",
    "members_of",
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
    """A value that each request brings, never null in this shape.

    Args:
        key: Its key in `Values`.
        path: Where in that value it is.
    """

    key: Any
    path: tuple[str | int, ...] = ()

    def value(self, values: Values) -> Any:
        """The value."""
        found = values[self.key]
        for step in self.path:
            found = found[step]
        return found


@dataclass(frozen=True, slots=True)
class Computed:
    """A list or object with variables inside, made anew for each request."""

    node: ValueNode
    type: Any

    def value(self, values: Values) -> Any:
        """The value; graphql-core's Undefined when it is invalid."""
        return coerce_literal(self.node, self.type, VariableValues({}, dict(values)))


ArgumentValue = Known | Given | Computed


@dataclass(frozen=True, slots=True)
class OfTenant:
    """A value that means something for one tenant only: it is converted together with its id."""

    value: Known | Given


TENANT = object()
"""The key of the tenant's id in `Values`."""


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
        node_given = given.get(name)
        value = None
        if node_given is not None:
            value = _value(node_given, argument_type(argument.definition), values, lifted)
        if value is None:
            default = argument.definition.default_value
            if default is not Undefined and default is not None:
                found[argument.python_name] = Known(default, ours=True)
        elif not _is_null(value):
            found[argument.python_name] = value
    return found


def members_of(value: ArgumentValue, type_: Any, values: Values) -> dict[str, ArgumentValue]:
    """The fields of an input object, by their GraphQL names; `Known(None)` for those that are null.

    Args:
        value: The object.
        type_: Its type.
        values: Those of the request whose shape is compiled.

    Raises:
        SteppedAside: When one of them is invalid.
    """
    match value:
        case Known():
            return {name: Known(member) for name, member in value.value.items()}
        case Given():
            members: dict[str, Any] = value.value(values)
            return {name: _part(value, name, member) for name, member in members.items()}
        case Computed():
            node = cast(ObjectValueNode, value.node)
            found = {
                field.name.value: _value(
                    field.value, type_.fields[field.name.value].type, values, _NOTHING
                )
                for field in node.fields
            }
            return {name: member for name, member in found.items() if member is not None}


def items_of(value: ArgumentValue, type_: Any, values: Values) -> list[ArgumentValue]:
    """The items of a list of input objects.

    Args:
        value: The list, or its one item.
        type_: The list's type.
        values: Those of the request whose shape is compiled.

    Raises:
        SteppedAside: When one of them is invalid, or missing.
    """
    match value:
        case Known():
            return [Known(item) for item in value.value]
        case Given():
            return [_part(value, at, item) for at, item in enumerate(value.value(values))]
        case Computed():
            node = value.node
            nodes = node.values if isinstance(node, ListValueNode) else (node,)
            of_type = nullable_type(type_)[0].of_type
            items = [_value(item, of_type, values, _NOTHING) for item in nodes]
            if any(item is None or _is_null(item) for item in items):
                raise SteppedAside("an invalid value in a list or object")
            return cast(list[ArgumentValue], items)


_NOTHING: Mapping[int, int] = {}


def _part(whole: Given, step: str | int, part: Any) -> ArgumentValue:
    return Known(None) if part is None else Given(whole.key, (*whole.path, step))


def _is_null(value: ArgumentValue) -> bool:
    return isinstance(value, Known) and value.value is None


def _value(
    node: ValueNode, type_: Any, values: Values, lifted: Mapping[int, int]
) -> ArgumentValue | None:
    """What a node of the document is; None where it is a variable without a value."""
    if isinstance(node, VariableNode):
        name = node.name.value
        if name not in values:
            return None
        return Known(None) if values[name] is None else Given(name)
    if node.loc is not None and node.loc.start in lifted:
        return Given(lifted[node.loc.start])
    if isinstance(node, NullValueNode):
        return Known(None)
    if lifted and isinstance(node, (ObjectValueNode, ListValueNode)):
        node = visit(node, _Lifter(lifted))
    if has_variables([node]):
        return Computed(node, type_)
    try:
        constant = coerce_literal(node, type_)
    except Exception as error:  # whatever a scalar or a type raises makes the value invalid
        raise SteppedAside("an invalid literal") from error
    if constant is Undefined:
        raise SteppedAside("an invalid literal")
    return Known(constant)


class _Lifter(Visitor):
    """Puts the numbers of lifted literals, as variables, in their places."""

    def __init__(self, lifted: Mapping[int, int]) -> None:
        super().__init__()
        self._lifted = lifted

    def enter(self, node: Any, *_: Any) -> VariableNode | None:
        literal = isinstance(node, (IntValueNode, FloatValueNode, StringValueNode))
        if not literal or node.loc is None or node.loc.start not in self._lifted:
            return None
        number: Any = self._lifted[node.loc.start]  # a name that no client can write
        return VariableNode(name=NameNode(value=number), loc=node.loc)


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

"""Where each value that a client gives goes: to a column, or to a function's parameter."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from typing import Any, cast
from uuid import UUID

from graphql import GraphQLInputObjectType

from ...errors import SchemaError
from ...sql.column_type import ColumnType
from ...sql.parameters import converter
from ...sql.render_write import Assignment
from ...sql.scalars import Scalar, fits, members_stored
from ...sql.write import TENANT_COLUMN
from .core import argument_type, named_type, nullable_type
from .fields import Argument
from .python_scalars import scalar_of_annotation
from .statement import Convert

__all__ = [
    "Form",
    "Target",
    "input_fields",
    "nearest",
    "no_tenant",
    "null_by_default",
    "target",
]

_DEFINITION = "strawberry-definition"
_JSON = frozenset({"json", "jsonb"})


@dataclass(frozen=True, slots=True)
class Target:
    """One column or parameter.

    Args:
        assignment: It.
        convert: From a coerced value to what the driver takes.
        name: What the client calls it.
    """

    assignment: Assignment
    convert: Convert
    name: str


@dataclass(frozen=True, slots=True)
class Form:
    """One value that a client may give.

    Args:
        python_name: Its name in Python, which is the column's.
        name: Its name in GraphQL.
        type: Its GraphQL type.
        scalar: What it holds, where the annotation says so.
        default: Its default; None for none.
    """

    python_name: str
    name: str
    type: Any
    scalar: Scalar | None
    default: Any = None

    @classmethod
    def of(cls, name: str, argument: Argument) -> Form:
        """An argument of a field."""
        definition = argument.definition
        return cls(argument.python_name, name, argument_type(definition), _scalar(definition))

    @property
    def object(self) -> GraphQLInputObjectType | None:
        """Its type where that is an input object, or a list of them."""
        type_ = named_type(self.type)
        return type_ if isinstance(type_, GraphQLInputObjectType) else None

    @property
    def many(self) -> bool:
        """Whether it is a list."""
        return hasattr(nullable_type(self.type)[0], "of_type")

    @property
    def required(self) -> bool:
        """Whether the client has to give it."""
        return not nullable_type(self.type)[1]


def input_fields(type_: GraphQLInputObjectType) -> Iterator[Form]:
    """The fields of an input type."""
    for name, field in type_.fields.items():
        declared = field.extensions.get(_DEFINITION)
        python_name = cast(str, getattr(declared, "python_name", None) or name)
        default = getattr(field, "default_value", None)
        nothing = default is None
        yield Form(
            python_name, name, argument_type(field), _scalar(field), _NULL if nothing else None
        )


_NULL: Any = object()


def null_by_default(form: Form) -> bool:
    """Whether a field that the client leaves out becomes null."""
    return form.default is _NULL


def no_tenant(forms: Iterable[Form], user: str) -> None:
    """Refuse a value that would say whose row it is.

    Raises:
        SchemaError: When one is named as the tenant's column.
    """
    for form in forms:
        if form.python_name == TENANT_COLUMN:
            raise SchemaError(
                f"{user}({form.name}:) names the tenant's column, which is never an input: the "
                "tenant comes from the verified token. Take it out"
            )


def target(form: Form, name: str, type_: ColumnType, user: str) -> Target:
    """Where a value goes.

    Args:
        form: The value.
        name: The column, or the parameter.
        type_: Its type.
        user: The field that takes it, for the error.

    Raises:
        SchemaError: When the column's type does not hold such values.
    """
    json_ = type_.name in _JSON and not type_.array
    if form.object is not None and not json_:
        raise SchemaError(
            f"{user}({form.name}:) is an object, which {name} of type {_written(type_)} cannot hold"
        )
    if form.scalar is not None and not json_ and not fits(form.scalar, type_):
        raise SchemaError(
            f"{user}({form.name}:) is {form.scalar.kind}, which {name} of type {_written(type_)} "
            "cannot hold; change the annotation"
        )
    return Target(Assignment(name, type_), _converter(form, type_), form.name)


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?`, or nothing."""
    near = get_close_matches(name, [each for each in known if each != TENANT_COLUMN], 1)
    return f'; did you mean "{near[0]}"?' if near else ""


def _scalar(definition: Any) -> Scalar | None:
    declared = definition.extensions.get(_DEFINITION)
    return None if declared is None else scalar_of_annotation(declared.type)


def _written(type_: ColumnType) -> str:
    return f"{type_.name}{'[]' if type_.array else ''}"


def _converter(form: Form, type_: ColumnType) -> Convert:
    if type_.name in _JSON and not type_.array:
        object_ = form.object
        return _document if object_ is None else lambda value: _document(_renamed(value, object_))
    members = None
    if form.scalar is not None and form.scalar.kind == "enum":
        members = members_stored(form.scalar, type_) or None
    # The converter of an array's items knows the bounds of its type.
    convert = converter(replace(type_, array=True), members)
    if not type_.array:
        return convert
    return lambda items: [None if item is None else convert(item) for item in items]


def _renamed(value: Any, type_: GraphQLInputObjectType) -> Any:
    """An input object with the Python names of its fields as keys."""
    if isinstance(value, list):
        return [_renamed(item, type_) for item in cast(list[Any], value)]
    if not isinstance(value, Mapping):
        return value
    given = cast(Mapping[str, Any], value)
    return {
        form.python_name: given[form.name]
        if form.object is None
        else _renamed(given[form.name], form.object)
        for form in input_fields(type_)
        if form.name in given
    }


def _document(value: Any) -> str:
    text = json.dumps(value, allow_nan=False, default=_plain)
    if "\\u0000" in text:
        raise ValueError("a JSON text cannot hold the character U+0000")
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    raise ValueError("a value that JSON cannot hold")

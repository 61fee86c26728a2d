"""Input types that compare a value: one for each kind of scalar, list of it, and enum."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from strawberry.scalars import ID, JSON, Base16, Base64

from ...sql.scalars import Scalar
from ..scalars import BigInt
from .made import InputField, fill, shell
from .meaning import Operator

__all__ = ["filter_of"]

_UNORDERED = ("eq", "ne", "in", "is_null")
_ORDERED = ("eq", "ne", "in", "lt", "lte", "gt", "gte", "is_null")
_TEXT = (*_ORDERED[:-1], "like", "ilike", "starts_with", "contains", "is_null")

_KINDS: dict[str, tuple[str, Any, Sequence[str]]] = {
    "string": ("String", str, _TEXT),
    "id": ("ID", ID, _UNORDERED),
    "uuid": ("UUID", UUID, _UNORDERED),
    "int": ("Int", int, _ORDERED),
    "bigint": ("BigInt", BigInt, _ORDERED),
    "float": ("Float", float, _ORDERED),
    "decimal": ("Decimal", Decimal, _ORDERED),
    "boolean": ("Boolean", bool, ("eq", "ne", "is_null")),
    "date": ("Date", dt.date, _ORDERED),
    "datetime": ("DateTime", dt.datetime, _ORDERED),
    "time": ("Time", dt.time, _ORDERED),
    "interval": ("Interval", dt.timedelta, _ORDERED),
    "base16": ("Base16", Base16, _UNORDERED),
    "base64": ("Base64", Base64, _UNORDERED),
}
_SAYS = {
    "eq": "Equal to it.",
    "ne": "Not equal to it; null is not equal to anything.",
    "in": "Equal to one of them.",
    "lt": "Less than it.",
    "lte": "Less than or equal to it.",
    "gt": "Greater than it.",
    "gte": "Greater than or equal to it.",
    "is_null": "Whether it is null.",
    "like": "Matches the pattern: % stands for any text, _ for any character.",
    "ilike": "Matches the pattern, whatever the case.",
    "starts_with": "Begins with the text.",
    "contains": "Has the text in it.",
    "has": "Has all of these items.",
    "overlap": "Has one of these items.",
    "json_contains": "Holds this value: all of its keys and items.",
    "json_has_key": "Is an object with this key.",
}
_UNINDEXED = " No index serves it under row-level security."
_NEVER_INDEXED = frozenset(
    {"ne", "like", "ilike", "starts_with", "contains", "has", "overlap"}
    | {"json_contains", "json_has_key"}
)
_NOT_LEAKPROOF = frozenset({"decimal", "bigint", "enum"})
_GRAPHQL_NAMES = {"in": "in", "has": "contains", "json_contains": "contains"}
_PYTHON_NAMES = {
    "in": "in_",
    "has": "contains",
    "json_contains": "contains",
    "json_has_key": "has_key",
}

_made: dict[object, type[Any]] = {}


def filter_of(scalar: Scalar, enum: type[Enum] | None) -> type[Any] | None:
    """The input type that compares such values; None where there is none.

    Args:
        scalar: What the column holds.
        enum: The class of an enum's members.
    """
    if scalar.kind == "json":
        return _json_filter()
    if scalar.depth > 1 or (scalar.kind == "enum" and enum is None):
        return None
    key: object = (scalar.kind if enum is None else enum, scalar.depth)
    found = _made.get(key)
    if found is None:
        found = _made[key] = _filter(scalar, enum)
    return found


def _filter(scalar: Scalar, enum: type[Enum] | None) -> type[Any]:
    if enum is not None:
        kind, (name, type_, operators) = "enum", (_enum_name(enum), enum, _UNORDERED)
    else:
        kind, (name, type_, operators) = scalar.kind, _KINDS[scalar.kind]
    if scalar.depth:
        operators = ("eq", "has", "overlap", "is_null")
        fields = [_field(operator, list[type_], indexed=False) for operator in operators]
        says, name = f"Compares a list of {name}.", f"{name}ListFilter"
    else:
        indexed = kind not in _NOT_LEAKPROOF
        fields = [_field(operator, type_, indexed=indexed) for operator in operators]
        says, name = f"Compares a {name}.", f"{name}Filter"
    return fill(shell(name), fields, name=name, description=f"{says} All that is given must hold.")


def _enum_name(enum: type[Enum]) -> str:
    definition: Any = getattr(enum, "__strawberry_definition__", None)
    return definition.name if definition is not None else enum.__name__


def _field(operator: str, type_: Any, *, indexed: bool) -> InputField:
    says = _SAYS[operator]
    if operator != "is_null" and (operator in _NEVER_INDEXED or not indexed):
        says += _UNINDEXED
    annotation = {"is_null": bool, "in": list[type_], "json_has_key": str}.get(operator, type_)
    python_name = _PYTHON_NAMES.get(operator, operator)
    return InputField(
        python_name, annotation, Operator(operator), _GRAPHQL_NAMES.get(operator), says
    )


def _json_filter() -> type[Any]:
    found = _made.get("json")
    if found is None:
        at = InputField(
            "at", list[str], Operator("at"), description="The keys, and numbers of items, to it."
        )
        compared = [
            InputField(name, JSON, Operator(f"json_{name}"), description=_SAYS[name] + _UNINDEXED)
            for name in ("eq", "ne", "lt", "lte", "gt", "gte")
        ]
        is_null = InputField(
            "is_null",
            bool,
            Operator("json_is_null"),
            description="Whether it is null, or there is nothing." + _UNINDEXED,
        )
        path = fill(
            shell("JSONPathFilter"),
            [at, *compared, is_null],
            name="JSONPathFilter",
            description="Compares what is at a place inside of a JSON value. "
            "An order holds between values of one kind only.",
        )
        fields = [
            _field("json_contains", JSON, indexed=False),
            _field("json_has_key", str, indexed=False),
            InputField(
                "path", path, Operator("path"), description="What is at a place inside of it."
            ),
            _field("is_null", JSON, indexed=True),
        ]
        found = _made["json"] = fill(
            shell("JSONFilter"),
            fields,
            name="JSONFilter",
            description="Compares a JSON value. All that is given must hold.",
        )
    return found

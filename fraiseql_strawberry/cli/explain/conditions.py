"""Conditions and orders of a plan in words."""

from __future__ import annotations

from ...sql.catalog import OBJECT_COLUMN
from ...sql.plan import (
    And,
    Behind,
    ColumnRef,
    Compare,
    Condition,
    Exists,
    Filter,
    Hop,
    Join,
    Not,
    Or,
    Order,
    Parameter,
)

__all__ = ["column_name", "describe_condition", "describe_join", "describe_order"]

_SIGNS = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def column_name(ref: ColumnRef) -> str:
    """A column, or the key of a document: `data.title`."""
    own = ref.document in (None, OBJECT_COLUMN)
    return ref.name if own else f"{ref.document}.{ref.name}"


def describe_join(join: Join) -> list[str]:
    """The columns in which rows meet those above them."""
    if join.link is None:
        pairs = zip(join.remote, join.local, strict=True)
        return [
            f"{column_name(remote)} = {column_name(local)} of the row above"
            for remote, local in pairs
        ]
    link = join.link
    near = zip(link.local, join.local, strict=True)
    far = zip(link.remote, join.remote, strict=True)
    return [
        *(f"{link.source}.{column_name(a)} = {column_name(b)} of the row above" for a, b in near),
        *(f"{column_name(b)} = {link.source}.{column_name(a)}" for a, b in far),
    ]


def describe_condition(condition: Condition) -> str:
    """A condition, with the numbers of its parameters."""
    match condition:
        case Filter():
            many = condition.parameter.array and not condition.column.type.array
            number = f"any of {_number(condition.parameter)}" if many else None
            return f"{column_name(condition.column)} = {number or _number(condition.parameter)}"
        case Compare():
            return _compared(condition)
        case And():
            return _together(condition.items, " and ", "true")
        case Or():
            return _together(condition.items, " or ", "false")
        case Not():
            return f"not ({describe_condition(condition.item)})"
        case Behind():
            keys = zip(condition.keys, condition.parameters, strict=True)
            shown = (f"{describe_order(key)} {_number(value)}" for key, value in keys)
            return f"behind ({', '.join(shown)})"
        case Exists():
            inner = [
                *describe_join(condition.hop.join),
                *map(describe_condition, condition.conditions),
            ]
            return f"a row of {condition.hop.source} with ({' and '.join(inner)})"


def describe_order(key: Order) -> str:
    """A key of an order."""
    path = "".join(f"{_source(hop)}." for hop in key.hops)
    nulls = f" nulls {key.nulls}" if key.nulls else ""
    return f"{path}{column_name(key.column)}{' desc' * key.descending}{nulls}"


def _source(hop: Hop) -> str:
    return str(hop.source)


def _together(conditions: tuple[Condition, ...], word: str, none: str) -> str:
    if len(conditions) == 1:
        return describe_condition(conditions[0])
    return f"({word.join(map(describe_condition, conditions))})" if conditions else none


def _compared(compare: Compare) -> str:
    column = column_name(compare.column)
    if compare.path is not None:
        column += f" at {_number(compare.path)}"
    operator = compare.operator.removeprefix("json_")
    if compare.parameter is None:
        return f"{column} {operator.replace('_', ' ')}"
    word = "= any of" if operator == "in" else _SIGNS.get(operator, operator.replace("_", " "))
    return f"{column} {word} {_number(compare.parameter)}"


def _number(parameter: Parameter) -> str:
    return f"${parameter.slot + 1}"

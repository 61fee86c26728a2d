"""A compiled plan as plain data: what is read from where, by which conditions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...sql.plan import (
    Aggregate,
    Connection,
    Constant,
    Document,
    Field,
    Groups,
    Measure,
    Nested,
    Parameter,
    Plan,
    Value,
    parameters_of,
)
from .conditions import column_name, describe_condition, describe_join, describe_order

__all__ = ["describe", "parameters", "slots"]


def describe(plan: Plan, *, keys: bool = True) -> list[dict[str, Any]]:
    """The root fields of a plan, outermost first.

    Args:
        plan: The plan.
        keys: Whether the response keys are the client's; those of the standard lane's statements
            are numbers of ours, and left out.
    """
    return [_described(field, keys) for field in plan.roots]


def parameters(plan: Plan, args: tuple[Any, ...]) -> list[dict[str, Any]]:
    """The parameters of a plan's statement: number, type and value.

    Args:
        plan: The plan.
        args: The values, in their order.
    """
    by_slot = slots(plan)
    return [
        {"number": slot + 1, "type": _type(by_slot[slot]), "value": _plain(value)}
        for slot, value in enumerate(args)
    ]


def slots(plan: Plan) -> dict[int, Parameter]:
    """The parameters of a plan, by their place among its statement's arguments."""
    return {parameter.slot: parameter for root in plan.roots for parameter in _parameters(root)}


def _described(field: Field, keys: bool) -> dict[str, Any]:
    if isinstance(field, Constant):
        return {"key": field.key, "constant": field.text}
    if isinstance(field, Value):
        return {"key": field.key, "column": column_name(field.column)}
    below = _fields_of(field)
    found: dict[str, Any] = {"key": field.key if keys else None}
    if isinstance(field, Document):
        found |= {"document": column_name(field.column), "rows": "many" if field.many else "one"}
    else:
        select = field.select
        found |= {
            "source": str(select.source),
            "rows": _rows(field),
            "where": [
                *(describe_join(field.join) if isinstance(field, Nested) and field.join else ()),
                *map(describe_condition, select.filters),
            ],
            "order_by": [describe_order(key) for key in select.order],
            "limit": _bound(select.limit),
            "offset": _bound(select.offset),
        }
    found |= {
        "columns": _measured(field) if isinstance(field, Aggregate) else _columns(below, keys),
        "below": [_described(one, keys) for one in below if isinstance(one, (Nested, Document))],
    }
    return {name: value for name, value in found.items() if value not in (None, [])}


def _rows(field: Nested | Connection | Aggregate) -> str:
    if isinstance(field, Connection):
        return "a page"
    if isinstance(field, Aggregate):
        return "many"
    return "many" if field.many else "one"


def _measured(field: Aggregate) -> list[str]:
    """The values that rows are asked for: `count(*)`, `max(views)`, and `… by published`."""

    def values(parts: Any, by: str) -> Iterator[str]:
        for part in parts:
            if isinstance(part, Groups):
                columns = ", ".join(column_name(ref) for ref, _ in part.by)
                yield from values(part.fields, f" by {columns}")
            elif isinstance(part, Measure):
                if part.function != "key":
                    column = "*" if part.column is None else column_name(part.column)
                    yield f"{part.function}({column}){by}"
            elif not isinstance(part, Constant):
                yield from values(part.fields, by)

    return list(dict.fromkeys(values(field.fields, "")))


def _fields_of(field: Nested | Document | Connection | Aggregate) -> tuple[Field, ...]:
    match field:
        case Nested():
            return field.select.fields
        case Document():
            return field.fields
        case Connection():
            return tuple(below for fields in field.nodes for below in fields)
        case Aggregate():
            return ()


def _columns(fields: tuple[Field, ...], keys: bool) -> list[str]:
    """What is read of each row, as `column`, or `key: column` where the two differ."""
    shown: list[str] = []
    for field in fields:
        if isinstance(field, Constant):
            shown.append(f"{field.key}: {field.text!r}")
        elif isinstance(field, Value):
            column = column_name(field.column)
            shown.append(column if not keys or field.key == column else f"{field.key}: {column}")
    return shown


def _bound(value: Parameter | int | None) -> str | int | None:
    return f"${value.slot + 1}" if isinstance(value, Parameter) else value


def _parameters(field: Field) -> Iterator[Parameter]:
    if isinstance(field, Aggregate):
        groups = (part for part in field.fields if isinstance(part, Groups))
        yield from (each.limit for each in groups if isinstance(each.limit, Parameter))
        yield from parameters_of(field.select.filters)
        return
    if not isinstance(field, (Nested, Document, Connection)):
        return
    if isinstance(field, Connection):
        yield field.prefix
    if isinstance(field, (Nested, Connection)):
        select = field.select
        yield from parameters_of(select.filters)
        bounds = (select.limit, select.offset)
        yield from (value for value in bounds if isinstance(value, Parameter))
    for below in _fields_of(field):
        yield from _parameters(below)


def _type(parameter: Parameter) -> str:
    type_ = parameter.type
    schema = "" if type_.schema in (None, "pg_catalog") else f"{type_.schema}."
    return f"{schema}{type_.name}{'[]' if parameter.array else ''}"


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (bytes, bytearray)):
        return f"\\x{value.hex()}"
    return str(value)

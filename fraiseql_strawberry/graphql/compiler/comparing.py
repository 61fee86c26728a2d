"""How a value is made comparable with a column: the operators of filters, and their operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...sql.catalog import ColumnType
from ...sql.parameters import converter, parameter_type
from ...sql.plan import ColumnRef
from ...sql.scalars import Scalar, members_stored
from .statement import Convert

__all__ = ["comparable_values", "operand"]

_TEXT = ColumnType("text")
_JSON = ColumnType("jsonb")


def comparable_values(ref: ColumnRef, scalar: Scalar | None, *, many: bool) -> tuple[Convert, bool]:
    """How a value is made comparable with a column, and whether it is sent as an array.

    Args:
        ref: The column.
        scalar: What its attribute holds, if one is known.
        many: Whether the value is a list.
    """
    members = None
    if scalar is not None and scalar.kind == "enum":
        members = members_stored(scalar, ref.type) or None
    convert = converter(ref.type, members)
    if not many:
        return convert, False
    if ref.type.array:
        return lambda items: [None if item is None else convert(item) for item in items], True
    return lambda items: [convert(item) for item in items if item is not None], True


def operand(
    operator: str, ref: ColumnRef, scalar: Scalar | None, max_items: int
) -> tuple[str, Convert, ColumnType, bool]:
    """What an operator of a filter is in SQL.

    Args:
        operator: As `inputs.meaning.Operator` names it.
        ref: The column.
        scalar: What its attribute holds.
        max_items: How many items a list may have.

    Returns:
        The operator of `sql.operators`, the conversion of its operand, the operand's type, and
        whether it is an array of that type.
    """
    pattern = _PATTERNS.get(operator)
    if pattern is not None:
        text = converter(_TEXT)
        return pattern[0], lambda value: pattern[1](text(value)), _TEXT, False
    if operator.startswith("json_"):
        type_ = _TEXT if operator == "json_has_key" else _JSON
        return operator, converter(type_), type_, False
    many = operator == "in" or ref.type.array
    convert, array = comparable_values(ref, scalar, many=many)
    if many:
        convert = _not_too_many(convert, max_items)
    return operator, convert, parameter_type(ref.type), array


def _not_too_many(convert: Convert, highest: int) -> Convert:
    def convert_list(items: Any) -> Any:
        if len(items) > highest:
            raise ValueError(f"a list of more than {highest} values")
        return convert(items)

    return convert_list


def _pattern(text: str) -> str:
    # PostgreSQL refuses a pattern that ends in the middle of an escape.
    if (len(text) - len(text.rstrip("\\"))) % 2:
        raise ValueError("a pattern must not end with a single backslash; write two")
    return text


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_PATTERNS: dict[str, tuple[str, Callable[[str], str]]] = {
    "like": ("like", _pattern),
    "ilike": ("ilike", _pattern),
    "starts_with": ("like", lambda text: _escaped(text) + "%"),
    "contains": ("like", lambda text: f"%{_escaped(text)}%"),
}

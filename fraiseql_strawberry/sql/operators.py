"""The operators that a column can be compared by, as SQL."""

from __future__ import annotations

from typing import Literal

from .catalog import ColumnType

__all__ = ["OPERATORS", "comparison"]

Looks = Literal["value", "text", "json"]

OPERATORS: dict[str, tuple[str, Looks]] = {
    "eq": ("{column} = {parameter}", "value"),
    "ne": ("{column} IS DISTINCT FROM {parameter}", "value"),
    "in": ("{column} = ANY({parameter})", "value"),
    "lt": ("{column} < {parameter}", "value"),
    "lte": ("{column} <= {parameter}", "value"),
    "gt": ("{column} > {parameter}", "value"),
    "gte": ("{column} >= {parameter}", "value"),
    "is_null": ("{column} IS NULL", "value"),
    "is_not_null": ("{column} IS NOT NULL", "value"),
    "like": ("{column} LIKE {parameter}", "text"),
    "ilike": ("{column} ILIKE {parameter}", "text"),
    "has": ("{column} @> {parameter}", "value"),
    "overlap": ("{column} && {parameter}", "value"),
    "json_contains": ("{column} @> {parameter}", "json"),
    "json_has_key": ("{column} ? {parameter}", "json"),
    "json_at": ("{path} IS NOT NULL", "value"),
    "json_eq": ("({column} #> {path}) = {parameter}", "json"),
    "json_ne": ("({column} #> {path}) IS DISTINCT FROM {parameter}", "json"),
    "json_is_null": ("coalesce({column} #> {path}, 'null') = 'null'", "json"),
    "json_is_not_null": ("coalesce({column} #> {path}, 'null') <> 'null'", "json"),
}
"""Name → SQL, and what the column is looked at as."""

# Across kinds jsonb has an order of its own, which nobody means: a text is no less than a number.
_JSON_ORDER = (
    "(jsonb_typeof({{column}} #> {{path}}) = jsonb_typeof({{parameter}}) "
    "AND ({{column}} #> {{path}}) {0} {{parameter}})"
)
for _name, _sign in (("lt", "<"), ("lte", "<="), ("gt", ">"), ("gte", ">=")):
    OPERATORS[f"json_{_name}"] = (_JSON_ORDER.format(_sign), "json")

_TEXT = frozenset({"text", "varchar", "bpchar", "name", "citext"})


def comparison(
    operator: str, column: str, type_: ColumnType, parameter: str | None, path: str | None
) -> str:
    """A comparison as SQL.

    Args:
        operator: A key of `OPERATORS`.
        column: The expression that reads the column.
        type_: Its type.
        parameter: What it is compared with, as SQL.
        path: Where in a JSON value to look, as SQL.
    """
    template, looks = OPERATORS[operator]
    if looks == "text" and type_.name not in _TEXT:
        column = f"({column})::text"
    elif looks == "json" and (type_.name != "jsonb" or type_.array):
        column = f"to_jsonb({column})"
    return template.format(column=column, parameter=parameter, path=path)

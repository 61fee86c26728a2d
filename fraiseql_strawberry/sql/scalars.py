"""Each scalar: which column types hold it, and the SQL whose JSON is its GraphQL text.

One table for both lanes. The fast lane sends PostgreSQL's JSON as it is, so a value that GraphQL
cannot express (an Int beyond 32 bits, an unknown enum value) becomes `MARKER`, a string that no
text of PostgreSQL's can hold; NaN and Infinity are strings in its JSON anyway. Who finds one runs
the operation in the standard lane, where the error is Strawberry's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from .catalog import ColumnType

__all__ = [
    "MARKER",
    "Scalar",
    "document_type",
    "fits",
    "literal",
    "members_stored",
    "output",
    "stored_as",
]

MARKER = "\x00"
_MARKER_SQL = "'\"\\u0000\"'::json"

_TEXT = frozenset({"text", "varchar", "bpchar", "name", "citext", "char"})
_INTEGERS = frozenset({"int2", "int4", "int8"})
_NUMBERS = _INTEGERS | {"numeric", "float4", "float8"}
# PostgreSQL's JSON has these as strings already, with the same text as a cast.
_JSON_STRINGS = _TEXT | {"uuid"}

_HOLDS: dict[str, frozenset[str]] = {
    "int": _NUMBERS,
    "float": _NUMBERS,
    "boolean": frozenset({"bool"}),
    "uuid": frozenset({"uuid"}),
    "decimal": _INTEGERS | {"numeric"},
    "bigint": _INTEGERS | {"numeric"},
    "date": frozenset({"date"}),
    "datetime": frozenset({"timestamp", "timestamptz"}),
    "time": frozenset({"time", "timetz"}),
    "interval": frozenset({"interval"}),
    "base16": frozenset({"bytea"}),
    "base64": frozenset({"bytea"}),
}
_DOCUMENT_TYPES = {
    "string": "text",
    "id": "text",
    "int": "int8",
    "float": "float8",
    "boolean": "bool",
    "uuid": "uuid",
    "decimal": "numeric",
    "bigint": "numeric",
    "date": "date",
    "datetime": "timestamptz",
    "time": "time",
    "interval": "interval",
    "enum": "text",
    "json": "jsonb",
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf of a selection.

    Args:
        kind: A row of this module's table: "uuid", "int", "enum", …; "string", "id" and "json"
            take any column.
        depth: How many lists are around it.
        item_nullable: Whether the items of a list may be null.
        members: For an enum: (GraphQL name, Python name, value) of each member.
    """

    kind: str
    depth: int = 0
    item_nullable: bool = False
    members: tuple[tuple[str, str, object], ...] = ()


def literal(text: str) -> str:
    """A text as an SQL constant, whatever `standard_conforming_strings` says."""
    constant = "'" + text.replace("'", "''") + "'"
    return " E" + constant.replace("\\", "\\\\") if "\\" in text else constant


def document_type(scalar: Scalar | None) -> ColumnType:
    """The type that a key of a `data jsonb` document is cast to, which has no type of its own."""
    if scalar is None:
        return ColumnType("text")
    name = _DOCUMENT_TYPES.get(scalar.kind, "text")
    if scalar.kind == "enum" and all(isinstance(value, int) for _, _, value in scalar.members):
        name = "int8"
    return ColumnType(name, array=scalar.depth > 0)


def stored_as(scalar: Scalar, type_: ColumnType) -> dict[object, str] | None:
    """How a column stores the members of an enum: stored value → GraphQL name.

    Values are looked for first, then names, since SQLAlchemy's Enum stores names.

    Returns:
        None when neither all values nor all names are among the labels of the column's type.
    """
    by_value = {value: graphql for graphql, _, value in scalar.members}
    by_name: dict[object, str] = {name: graphql for graphql, name, _ in scalar.members}
    if type_.labels:
        labels = set(type_.labels)
        return next((stored for stored in (by_value, by_name) if stored.keys() <= labels), None)
    if type_.name in _INTEGERS:
        whole = all(isinstance(value, int) for value in by_value)
        return by_value if whole else None
    if type_.name not in _TEXT:
        return None
    return by_value if all(isinstance(value, str) for value in by_value) else by_name


def members_stored(scalar: Scalar, type_: ColumnType) -> dict[object, object]:
    """What the column stores for each value of an enum."""
    stored = stored_as(scalar, type_) or {}
    return {value: key for (_, _, value), key in zip(scalar.members, stored, strict=False)}


def fits(scalar: Scalar, type_: ColumnType) -> bool:
    """Whether a column of that type holds such values."""
    if scalar.kind == "json" and (scalar.depth == 0 or type_.name in ("json", "jsonb")):
        return True
    if (scalar.depth > 0) != type_.array:
        return False
    if scalar.kind == "enum":
        return stored_as(scalar, type_) is not None
    holds = _HOLDS.get(scalar.kind)
    if scalar.depth > 1 and _item(scalar, "v", type_, marked=True) != "v":
        return False
    return holds is None or type_.name in holds


def output(scalar: Scalar, sql: str, type_: ColumnType, *, marked: bool) -> str:
    """The SQL whose value in `row_to_json` is the scalar's GraphQL value.

    Args:
        scalar: A scalar that `fits` the type.
        sql: The expression that reads the column.
        type_: Its type.
        marked: Whether a value that GraphQL cannot express becomes `MARKER`; without it, the
            value is left for Strawberry to judge.
    """
    if not scalar.depth or (scalar.kind == "json" and not type_.array):
        return _item(scalar, sql, type_, marked=marked)
    item = _item(scalar, "v", type_, marked=marked)
    if item == "v":
        return sql
    if item.startswith("v::"):
        return f"{sql}::{item.removeprefix('v::')}[]"
    return f"CASE WHEN {sql} IS NOT NULL THEN ARRAY(SELECT {item} FROM unnest({sql}) AS e(v)) END"


def _item(scalar: Scalar, sql: str, type_: ColumnType, *, marked: bool) -> str:
    match scalar.kind:
        case "string" | "id":
            return sql if type_.name in _JSON_STRINGS or type_.labels else f"{sql}::text"
        case "decimal" | "bigint":
            return f"{sql}::text"
        case "float":
            return f"{sql}::float8" if type_.name == "numeric" else sql
        case "int":
            return _marked_int(sql, type_) if marked and type_.name not in ("int2", "int4") else sql
        case "base16":
            return f"upper(encode({sql}, 'hex'))"
        case "base64":
            # encode() breaks lines after 76 characters (RFC 2045), Python's b64encode does not.
            return f"translate(encode({sql}, 'base64'), E'\\n', '')"
        case "enum":
            return _marked_enum(scalar, sql, type_) if marked else sql
        case _:
            return sql


def _marked_int(sql: str, type_: ColumnType) -> str:
    fits_32_bits = f"{sql} BETWEEN -2147483648 AND 2147483647"
    if type_.name == "int8":
        whole = f"to_json({sql})"
    else:
        fits_32_bits += f" AND {sql} = trunc({sql})"
        whole = f"to_json({sql}::int8)"
    return f"CASE WHEN {fits_32_bits} THEN {whole} WHEN {sql} IS NOT NULL THEN {_MARKER_SQL} END"


def _marked_enum(scalar: Scalar, sql: str, type_: ColumnType) -> str:
    stored = stored_as(scalar, type_) or {}
    if type_.labels and all(stored.get(label) == label for label in type_.labels):
        return sql
    text = f"{sql}::text" if type_.labels else sql
    branches = " ".join(
        f"WHEN {literal(key) if isinstance(key, str) else key} THEN '\"{name}\"'::json"
        for key, name in stored.items()
    )
    return f"CASE {text} {branches} ELSE CASE WHEN {sql} IS NOT NULL THEN {_MARKER_SQL} END END"

"""The judge of `where` and `order_by`: what holds of a row, as Python sees it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from graphql import GraphQLError

from tests.isolation.wide.rows import Rows

__all__ = ["Related", "holds", "in_order", "refuse", "sortable", "stored"]

_NAMES: dict[str, dict[Any, str]] = {
    "a_status": {"draft": "DRAFT", "in_review": "IN_REVIEW", "published": "PUBLISHED"},
    "a_color": {"#f00": "RED", "it's \\green": "GREEN"},
    "a_level": {1: "LOW", 2: "TOP"},
}
_NAMES["statuses"], _NAMES["color"] = _NAMES["a_status"], _NAMES["a_color"]
_DECIMALS = {"a_big", "a_huge", "a_decimal", "price"}
_STAMPS = {"a_zoned_stamp"}


class Related:
    """The rows that belong to a row."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def one(self, type_: str, name: str, row: Any) -> tuple[str, Any] | None:
        """The type and row of a to-one relation; None where the name is no such relation."""
        match type_, name:
            case "Thing", "owner":
                return "Person", self._find("tb_person", id=row["owner_id"])
            case "Thing", "shelf":
                key = {"region": row["shelf_region"], "number": row["shelf_number"]}
                return "Shelf", self._find("tb_shelf", **key)
            case "Person", "boss":
                return "Person", self._find("tb_person", id=row["boss_id"])
            case "Note", "thing":
                return "Thing", self._find("tb_thing", id=row["data"]["thing_id"])
        return None

    def many(self, type_: str, name: str, row: Any) -> tuple[str, list[Any]] | None:
        """The type and rows of a to-many relation; None where the name is no such relation."""
        match type_, name:
            case "Person", "staff":
                return "Person", self._all("tb_person", boss_id=row["id"])
            case "Person", "things":
                return "Thing", self._all("tb_thing", owner_id=row["id"])
            case "Shelf", "things":
                key = {"shelf_region": row["region"], "shelf_number": row["number"]}
                return "Thing", self._all("tb_thing", **key)
            case "Thing", "tags":
                links = self._all("tb_thing_tag", thing_id=row["id"])
                ids = {link["tag_id"] for link in links}
                return "Tag", [tag for tag in self._rows["tb_tag"] if tag["id"] in ids]
            case "Tag", "things":
                links = self._all("tb_thing_tag", tag_id=row["id"])
                ids = {link["thing_id"] for link in links}
                return "Thing", [thing for thing in self._rows["tb_thing"] if thing["id"] in ids]
            case "Thing", "notes":
                notes = self._rows["tb_note"]
                return "Note", [note for note in notes if note["data"]["thing_id"] == row["id"]]
        return None

    def _find(self, table: str, **key: Any) -> Any:
        return next(iter(self._all(table, **key)), None)

    def _all(self, table: str, **key: Any) -> list[Any]:
        if None in key.values():
            return []
        rows = self._rows[table]
        return [row for row in rows if all(row[column] == key[column] for column in key)]


def refuse(value: Any) -> None:
    """Raise for what is refused wherever it stands."""
    if isinstance(value, dict):
        for name, member in value.items():
            if member is None:
                raise GraphQLError("null")
            if name in ("like", "ilike") and (len(member) - len(member.rstrip("\\"))) % 2:
                raise GraphQLError("a pattern")
            if name == "path" and not member["at"]:
                raise GraphQLError("no key")
            if name not in ("contains", "path", "eq", "ne"):
                refuse(member)
            elif name == "path":
                refuse({key: member[key] for key in member if key != "at"})
    elif isinstance(value, list):
        for item in value:
            refuse(item)


def holds(related: Related, type_: str, row: Any, where: dict[str, Any]) -> bool:
    """Whether a condition holds of a row; what will be refused may say anything."""
    return all(_member(related, type_, row, name, value) for name, value in where.items())


def _member(related: Related, type_: str, row: Any, name: str, value: Any) -> bool:
    if value is None:
        return False
    match name:
        case "and":
            return all(holds(related, type_, row, item) for item in value)
        case "or":
            return any(holds(related, type_, row, item) for item in value)
        case "not":
            return not holds(related, type_, row, value)
    key = _snake(name)
    one = related.one(type_, key, row)
    if one is not None:
        return one[1] is not None and holds(related, one[0], one[1], value)
    many = related.many(type_, key, row)
    if many is not None:
        return all(_quantified(related, *many, kind, where) for kind, where in value.items())
    value_of = stored(type_, row, key)
    return all(_compared(key, value_of, *operator) for operator in value.items())


def _quantified(related: Related, type_: str, rows: list[Any], kind: str, where: Any) -> bool:
    if where is None:
        return False
    found = [holds(related, type_, row, where) for row in rows]
    return {"some": any, "every": all, "none": lambda them: not any(them)}[kind](found)


def stored(type_: str, row: Any, key: str) -> Any:
    """What a column holds, or a key of a note's document."""
    return row["data"].get(key) if type_ == "Note" and key != "id" else row[key]


def _compared(key: str, stored: Any, operator: str, wanted: Any) -> bool:
    if wanted is None:
        return False
    if operator == "isNull":
        return (stored is None) == wanted
    if key == "a_jsonb":
        return _json_compared(stored, operator, wanted)
    left = sortable(key, stored)
    right = (
        [_wanted(key, item) for item in wanted]
        if isinstance(wanted, list)
        else _wanted(key, wanted)
    )
    if operator == "ne":
        return left != right
    if left is None:
        return False
    if isinstance(stored, list):
        match operator:
            case "eq":
                return left == right
            case "contains":
                return all(item is not None and item in left for item in right)
            case "overlap":
                return any(item is not None and item in left for item in right)
    return _OPERATORS[operator](left, right)


def _like(pattern: str, text: str, flags: int = 0) -> bool:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        match pattern[at]:
            case "%":
                parts.append(".*")
            case "_":
                parts.append(".")
            case "\\":
                at += 1
                parts.append(re.escape(pattern[at : at + 1]))
            case other:
                parts.append(re.escape(other))
        at += 1
    return re.fullmatch("".join(parts), text, flags | re.DOTALL) is not None


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: left == right,
    "in": lambda left, right: left in right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "like": lambda left, right: _like(right, left),
    "ilike": lambda left, right: _like(right, left, re.IGNORECASE),
    "startsWith": lambda left, right: left.startswith(right),
    "contains": lambda left, right: right in left,
}


def sortable(key: str, stored: Any) -> Any:
    """A value that compares with others of its column as PostgreSQL does."""
    if stored is None:
        return None
    names = _NAMES.get(key)
    if names is not None:
        if isinstance(stored, list):
            return [names.get(item, item) for item in stored]
        return names.get(stored, stored)
    if key in _DECIMALS:
        number = Decimal(stored)
        return Decimal("Infinity") if number.is_nan() else number  # above all numbers
    if key in ("a_single", "a_double", "weight"):
        return float("inf") if stored == "NaN" else float(stored)
    if key in _STAMPS:
        return _instant(stored)
    return str(stored) if key == "id" else stored


def _wanted(key: str, wanted: Any) -> Any:
    if key in _DECIMALS:
        return Decimal(wanted)
    if isinstance(wanted, datetime):
        return (0, (wanted if wanted.tzinfo else wanted.replace(tzinfo=UTC)).timestamp())
    return str(wanted) if key in ("id", "a_uuid") else wanted


def _instant(text: str) -> tuple[int, float]:
    ranks = {"infinity": 2, "-infinity": -2}
    if text in ranks:
        return ranks[text], 0
    if text.endswith(" BC"):
        return -1, 0
    if len(text.partition("-")[0]) > 4:
        return 1, 0
    return 0, datetime.fromisoformat(text).timestamp()


def in_order(related: Related, type_: str, rows: list[Any], keys: list[Any]) -> list[Any]:
    """Rows as a list of keys wants them; keys are applied from the last, since sorts are stable."""
    for key in reversed(keys if isinstance(keys, list) else [keys]):
        ((name, direction),) = key.items()
        if direction is None:
            raise GraphQLError("null")
        values = [_sorted_by(related, type_, row, name, direction) for row in rows]
        way = values[0][1] if values else "ASC"
        if way is None:
            raise GraphQLError("null")
        descending = way.startswith("DESC")
        nulls_first = way.endswith("FIRST") or (way == "DESC")
        nulls = [row for row, (value, _) in zip(rows, values, strict=True) if value is None]
        some = [(v, r) for r, (v, _) in zip(rows, values, strict=True) if v is not None]
        some.sort(key=lambda pair: pair[0], reverse=descending)
        kept = [row for _, row in some]
        rows = [*nulls, *kept] if nulls_first else [*kept, *nulls]
    return rows


def _sorted_by(
    related: Related, type_: str, row: Any, name: str, direction: Any
) -> tuple[Any, Any]:
    while isinstance(direction, dict):
        ((inner, below),) = direction.items()
        if row is not None:
            found = related.one(type_, _snake(name), row)
            assert found is not None
            type_, row = found
        name, direction = inner, below
    key = _snake(name)
    return (None if row is None else sortable(key, stored(type_, row, key))), direction


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _json_compared(stored: Any, operator: str, wanted: Any) -> bool:
    if operator == "path":
        if not wanted["at"]:
            return False
        at = _at(stored, wanted["at"])
        return all(_at_compared(at, *item) for item in wanted.items() if item[0] != "at")
    if stored is None:
        return False
    if operator == "hasKey":
        return wanted in stored if isinstance(stored, (dict, list)) else stored == wanted
    if isinstance(stored, list) and not isinstance(wanted, (list, dict)):
        return any(_same(item, wanted) for item in stored)
    return _contains(stored, wanted)


_NOTHING = object()


def _at(value: Any, path: list[str]) -> Any:
    for step in path:
        if isinstance(value, dict):
            value = value.get(step, _NOTHING)
        elif isinstance(value, list) and re.fullmatch(r"-?\d+", step):
            number = int(step)
            inside = -len(value) <= number < len(value)
            value = value[number] if inside else _NOTHING
        else:
            value = _NOTHING
    return _NOTHING if value is None and not path else value


def _at_compared(at: Any, operator: str, wanted: Any) -> bool:
    if wanted is None:
        return False
    if operator == "isNull":
        return (at is _NOTHING or at is None) == wanted
    if operator in ("eq", "ne"):
        return _same(at, wanted) == (operator == "eq")
    if at is _NOTHING or _kind(at) != _kind(wanted):
        return False
    return _OPERATORS[operator](at, wanted)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def _same(left: Any, right: Any) -> bool:
    return left is not _NOTHING and _kind(left) == _kind(right) and left == right


def _contains(left: Any, right: Any) -> bool:
    if isinstance(right, dict):
        return isinstance(left, dict) and all(
            key in left and _contains(left[key], value) for key, value in right.items()
        )
    if isinstance(right, list):
        return isinstance(left, list) and all(
            any(_contains(item, value) for item in left) for value in right
        )
    return _same(left, right)

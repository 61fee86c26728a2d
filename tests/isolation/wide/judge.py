"""What the wide schema's operations should answer: graphql-core's own execution over Python rows.

Nothing of the library runs here. The schema is rebuilt from its SDL; resolvers are loops over
lists of dicts.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLList,
    GraphQLObjectType,
    GraphQLScalarType,
    build_schema,
    execute_sync,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
)

from tests.isolation.wide.found import Related, holds, in_order, refuse
from tests.isolation.wide.pages import DEFAULT_LIMIT, Place, page_of
from tests.isolation.wide.rows import Rows
from tests.isolation.wide.totals import Totals
from tests.isolation.wide.types import schema as strawberry_schema

__all__ = ["DEFAULT_LIMIT", "Judge"]

MAX_LIMIT = 1000

_NAMES = {
    "a_status": {"draft": "DRAFT", "in_review": "IN_REVIEW", "published": "PUBLISHED"},
    "a_color": {"#f00": "RED", "it's \\green": "GREEN"},
    "a_level": {1: "LOW", 2: "TOP"},
}
_NAMES["statuses"], _NAMES["colors"], _NAMES["color"] = (
    _NAMES["a_status"],
    _NAMES["a_color"],
    _NAMES["a_color"],
)


class Judge:
    """Answers operations from the rows of one tenant."""

    def __init__(self, tenant: str, rows: Rows) -> None:
        self._tenant = tenant
        self._rows = rows
        self._schema = build_schema(strawberry_schema.as_str())
        coercers = strawberry_schema._schema.type_map
        for name, type_ in self._schema.type_map.items():
            if isinstance(type_, GraphQLScalarType) and name not in _BUILT_IN:
                type_.coerce_output_value = lambda value: value
                type_.coerce_input_value = coercers[name].coerce_input_value
            elif name in ("Float", "String"):
                type_.coerce_output_value = _kept(type_.coerce_output_value)
            if isinstance(type_, GraphQLObjectType) and not name.startswith("__"):
                for field_name, field in type_.fields.items():
                    field.resolve = self._resolver(name, field_name)

    def variables(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Those of an operation, with this tenant's cursors in them."""
        things = self._rows["tb_thing"]
        return {
            name: value.cursor(self._tenant, things) if isinstance(value, Place) else value
            for name, value in variables.items()
        }

    def answer(self, document: DocumentNode, variables: dict[str, Any] | None) -> ExecutionResult:
        return execute_sync(self._schema, document, variable_values=variables)

    def _resolver(self, type_name: str, field_name: str) -> Callable[..., Any]:
        declared = strawberry_schema._schema.type_map[type_name].fields[field_name]
        python_name = declared.extensions["strawberry-definition"].python_name
        special = getattr(self, f"_{type_name.lower()}_{python_name}", None)
        if special is not None:
            return lambda row, info, **arguments: special(row, _by_python_name(declared, arguments))
        if "Aggregate" in type_name:
            return lambda row, info, **arguments: row.value(python_name, arguments)
        if type_name == "Note" and python_name != "id":
            return lambda row, info: _leaf(python_name, row["data"].get(python_name))
        if type_name in _INSIDE:
            many = isinstance(get_nullable_type(declared.type), GraphQLList)
            leaf = is_leaf_type(get_named_type(declared.type))
            return lambda row, info: _inside(row, python_name, many=many, leaf=leaf)
        return lambda row, info: _leaf(python_name, row[python_name])

    def _query_things(self, _: Any, arguments: dict[str, Any]) -> list[Any]:
        order = arguments.pop("order_by", None) or "LAST"
        rows = self._rows["tb_thing"]
        match order:
            case "FIRST":
                rows = sorted(rows, key=lambda row: row["number"])
            case "LAST":
                rows = sorted(rows, key=lambda row: -row["number"])
            case "OLDEST":
                rows = sorted(
                    rows, key=lambda row: (_instant(row["a_zoned_stamp"]), -row["number"])
                )
        return _page(_filtered(rows, arguments), arguments)

    def _query_found_things(self, _: Any, arguments: dict[str, Any]) -> list[Any]:
        rows = sorted(self._rows["tb_thing"], key=lambda row: -row["number"])
        return self._found("Thing", rows, arguments)

    def _query_found_people(self, _: Any, arguments: dict[str, Any]) -> list[Any]:
        return self._found("Person", _by_id(self._rows["tb_person"]), arguments)

    def _query_found_notes(self, _: Any, arguments: dict[str, Any]) -> list[Any]:
        return self._found("Note", _by_id(self._rows["tb_note"]), arguments)

    def _query_paged_things(self, _: Any, arguments: dict[str, Any]) -> Any:
        rows, where = self._rows["tb_thing"], {"where": arguments.get("where")}
        kept = self._found("Thing", rows, where)
        return page_of(self._tenant, Related(self._rows), rows, kept, arguments)

    def _query_things_aggregate(self, _: Any, arguments: dict[str, Any]) -> Any:
        where = {"where": arguments.pop("where", None)}
        rows = _filtered(self._found("Thing", self._rows["tb_thing"], where), arguments)
        return Totals("Thing", rows, _leaf)

    def _query_notes_aggregate(self, _: Any, arguments: dict[str, Any]) -> Any:
        return Totals("Note", self._found("Note", self._rows["tb_note"], arguments), _leaf)

    def _found(self, type_: str, rows: list[Any], arguments: dict[str, Any]) -> list[Any]:
        where, order = arguments.get("where"), arguments.get("order_by") or []
        related = Related(self._rows)
        kept = [row for row in rows if where is None or holds(related, type_, row, where)]
        if where is not None:
            refuse(where)
        return _page(in_order(related, type_, kept, order), arguments)

    def _query_thing(self, _: Any, arguments: dict[str, Any]) -> Any:
        return _one(self._rows["tb_thing"], id=str(arguments["id"]))

    def _query_last_thing(self, _: Any, arguments: dict[str, Any]) -> Any:
        found = _filtered(self._rows["tb_thing"], arguments)
        return max(found, key=lambda row: row["number"], default=None)

    def _query_people(self, _: Any, arguments: dict[str, Any]) -> list[Any]:
        rows = _by_id(self._rows["tb_person"])
        return _page(_filtered(rows, arguments), arguments)

    def _query_tag(self, _: Any, arguments: dict[str, Any]) -> Any:
        if not arguments["id"].removeprefix("-").isdigit():
            raise GraphQLError("not a number")
        return _one(self._rows["tb_tag"], id=int(arguments["id"]))

    def _query_shelves(self, _: Any, arguments: dict[str, Any]) -> list[Any]:
        rows = sorted(self._rows["tb_shelf"], key=lambda row: (row["region"], row["number"]))
        return _page(_filtered(rows, arguments), arguments)

    def _query_notes(self, _: Any, arguments: dict[str, Any]) -> list[Any]:
        rows = _by_id(self._rows["tb_note"])
        limit = {"limit": arguments.pop("limit")}
        kept = [row for row in rows if _filtered([row["data"]], arguments)]
        return _page(kept, limit)

    def _query_letters(self, _: Any, arguments: dict[str, Any]) -> list[Any]:
        rows = _by_id(self._rows["tb_letter"])
        limit = {"limit": arguments.pop("limit")}
        return _page([row for row in rows if _filtered([row["data"]], arguments)], limit)

    def _query_letter(self, _: Any, arguments: dict[str, Any]) -> Any:
        return _one(self._rows["tb_letter"], id=str(arguments["id"]))

    def _remark_person(self, row: Any, _: Any) -> Any:
        return _one(self._rows["tb_person"], id=row["person_id"])

    def _remark_things(self, row: Any, arguments: Any) -> Any:
        wanted = row["person_id"] or "nobody"
        things = [thing for thing in self._rows["tb_thing"] if thing["owner_id"] == wanted]
        return _page(things, arguments, 3)

    def _query_greeting(self, _: Any, arguments: dict[str, Any]) -> str:
        return f"Hello, {arguments['name']}"

    def _query_person(self, _: Any, arguments: dict[str, Any]) -> Any:
        return _one(self._rows["tb_person"], id=str(arguments["id"]))

    def _person_shout(self, row: Any, _: Any) -> str:
        return f"{row['name']}!"

    def _person_itself(self, row: Any, _: Any) -> Any:
        return row

    def _thing_doubled(self, row: Any, _: Any) -> int:
        return 2 * row["number"]

    def _person_boss(self, row: Any, _: Any) -> Any:
        return _one(self._rows["tb_person"], id=row["boss_id"])

    def _person_staff(self, row: Any, arguments: Any) -> Any:
        staff = [other for other in self._rows["tb_person"] if other["boss_id"] == row["id"]]
        return _page(_by_id(staff)[::-1], arguments, DEFAULT_LIMIT)

    def _person_things(self, row: Any, arguments: Any) -> Any:
        things = [thing for thing in self._rows["tb_thing"] if thing["owner_id"] == row["id"]]
        return _page(things, arguments, 5)

    def _shelf_things(self, row: Any, arguments: Any) -> Any:
        key = (row["region"], row["number"])
        things = [
            thing
            for thing in self._rows["tb_thing"]
            if (thing["shelf_region"], thing["shelf_number"]) == key
        ]
        return _page(things[::-1], arguments, DEFAULT_LIMIT)

    def _tag_things(self, row: Any, arguments: Any) -> Any:
        linked = {
            link["thing_id"] for link in self._rows["tb_thing_tag"] if link["tag_id"] == row["id"]
        }
        return _page(
            [t for t in self._rows["tb_thing"] if t["id"] in linked], arguments, DEFAULT_LIMIT
        )

    def _tag_id(self, row: Any, _: Any) -> str:
        return str(row["id"])

    def _note_thing(self, row: Any, _: Any) -> Any:
        return _one(self._rows["tb_thing"], id=row["data"]["thing_id"])

    def _thing_owner(self, row: Any, _: Any) -> Any:
        return _one(self._rows["tb_person"], id=row["owner_id"])

    def _thing_shelf(self, row: Any, _: Any) -> Any:
        return _one(self._rows["tb_shelf"], region=row["shelf_region"], number=row["shelf_number"])

    def _thing_tags(self, row: Any, arguments: Any) -> Any:
        linked = {
            link["tag_id"] for link in self._rows["tb_thing_tag"] if link["thing_id"] == row["id"]
        }
        return _page(
            [t for t in self._rows["tb_tag"][::-1] if t["id"] in linked], arguments, DEFAULT_LIMIT
        )

    def _thing_notes(self, row: Any, arguments: Any) -> Any:
        notes = [n for n in self._rows["tb_note"] if n["data"]["thing_id"] == row["id"]]
        return _page(_by_id(notes), arguments, DEFAULT_LIMIT)


_INSIDE = {"Letter", "Remark", "Place", "Country"}
_BUILT_IN = {"Int", "Float", "String", "Boolean", "ID"}


def _inside(row: Any, name: str, *, many: bool, leaf: bool) -> Any:
    """A key of a document: what is not what it should be counts as null."""
    data = row["data"] if name not in row and "data" in row else row
    value = data.get(name)
    if leaf:
        return _leaf(name, value)
    if not many:
        return value if isinstance(value, dict) else None
    if not isinstance(value, list):
        return None
    return [item if isinstance(item, dict) else None for item in value]


def _kept(coerce: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Coerce, and leave what says itself what it equals as it is."""

    def coerced(value: Any) -> Any:
        plain = coerce(value)
        return value if hasattr(value, "matches") else plain

    return coerced


def _by_python_name(declared: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        declared.args[name].extensions["strawberry-definition"].python_name: value
        for name, value in arguments.items()
    }


def _leaf(name: str, value: Any) -> Any:
    if name in ("bytes_64", "bytes_16") and value is not None:
        raw = bytes.fromhex(value.removeprefix("\\x"))
        encode = base64.b64encode if name == "bytes_64" else base64.b16encode
        return encode(raw).decode()
    names = _NAMES.get(name)
    if names is None or value is None:
        return value
    return [names.get(v, v) for v in value] if isinstance(value, list) else names.get(value, value)


def _one(rows: list[Any], **key: Any) -> Any:
    return next((row for row in rows if all(row[k] == v for k, v in key.items())), None)


def _by_id(rows: list[Any]) -> list[Any]:
    return sorted(rows, key=lambda row: row["id"])


def _page(rows: list[Any], arguments: dict[str, Any], default: int = MAX_LIMIT) -> list[Any]:
    limit, offset = arguments.get("limit"), arguments.get("offset") or 0
    if limit is not None and not 0 <= limit <= MAX_LIMIT:
        raise GraphQLError("limit")
    if offset < 0:
        raise GraphQLError("offset")
    return rows[offset:][: default if limit is None else limit]


def _filtered(rows: list[Any], arguments: dict[str, Any]) -> list[Any]:
    wanted = {
        name: value
        for name, value in arguments.items()
        if name not in ("limit", "offset") and value is not None
    }
    return [row for row in rows if all(_equal(name, row[name], v) for name, v in wanted.items())]


def _equal(name: str, stored: Any, wanted: Any) -> bool:
    if stored is None:
        return False
    if name in _NAMES:
        return _leaf(name, stored) == wanted
    if name in ("id", "number"):
        return str(stored) in [str(item) for item in wanted]
    if name == "a_single":
        return _single(float(stored)) == _single(wanted)
    if name == "a_time" and stored == "24:00:00":
        return False
    # datetime before date, whose subclass it is.
    of_type = next((type_ for type_ in _STORED if isinstance(wanted, type_)), None)
    return (stored if of_type is None else _STORED[of_type](stored)) == _comparable(wanted)


def _comparable(wanted: Any) -> Any:
    if isinstance(wanted, datetime) and wanted.tzinfo is None:
        return wanted.replace(tzinfo=UTC)
    # PostgreSQL's NaN equals itself.
    return "NaN" if isinstance(wanted, Decimal) and wanted.is_nan() else wanted


def _single(number: float) -> float:
    return struct.unpack("f", struct.pack("f", number))[0]


def _instant(text: str | None) -> Any:
    """A number that orders timestamps as PostgreSQL does, null last."""
    if text is None:
        return _Instant(4, text)
    ranks = {"infinity": 3, "-infinity": -2}
    if text in ranks or text.endswith(" BC") or len(text.partition("-")[0]) > 4:
        return _Instant(ranks.get(text, -1 if text.endswith(" BC") else 2), text)
    moment = datetime.fromisoformat(text)
    return _Instant(1, text, moment if moment.tzinfo else moment.replace(tzinfo=UTC))


class _Instant:
    def __init__(self, rank: int, text: str | None, moment: datetime | None = None) -> None:
        self.key = (rank, moment or datetime.min.replace(tzinfo=UTC))
        self.moment = moment

    def __lt__(self, other: _Instant) -> bool:
        return self.key < other.key

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, _Instant) else self.moment == other

    __hash__ = None  # type: ignore[assignment]


# PostgreSQL compares intervals with months of 30 days.
_INTERVALS = {
    "00:00:00": timedelta(),
    "1 day": timedelta(1),
    "-3 days +02:03:04.5": timedelta(days=-3, hours=2, minutes=3, seconds=4.5),
    "1 mon 2 days 03:04:05": timedelta(days=32, hours=3, minutes=4, seconds=5),
    "36:00:00": timedelta(hours=36),
}
_STORED: dict[type, Callable[[Any], Any]] = {
    UUID: UUID,
    Decimal: lambda text: "NaN" if text == "NaN" else Decimal(text),
    datetime: _instant,
    date: lambda text: (
        date.fromisoformat(text) if len(text) == len("2024-01-01") and text[-1].isdigit() else text
    ),
    time: time.fromisoformat,
    timedelta: _INTERVALS.__getitem__,
    bytes: lambda text: bytes.fromhex(text.removeprefix("\\x")),
    int: lambda stored: int(stored) if isinstance(stored, str) else stored,
}

"""Hypothesis strategies: values of the generated input types."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLEnumType, GraphQLInputObjectType, get_named_type
from hypothesis import strategies as st

from tests.isolation.wide.rows import _JSON, _UUIDS, POOLS

__all__ = ["orders", "wheres"]

MAX_DEPTH = 3
_HOPS = 2  # from a row to the one that orders it
# What `found.py` knows how to judge.
_COLUMNS = {
    *("number", "aText", "aSmall", "anInt", "aLong", "aBig", "aHuge", "aDouble", "aDecimal"),
    *("aFlag", "aUuid", "aZonedStamp", "aStatus", "aColor", "aLevel", "aJsonb", "texts", "ints"),
    *("statuses", "id", "name", "label", "title", "pages", "done", "color", "words", "weight"),
}
_TEXTS = ["", "plain", "a", "1-2", "2-tag-3", "1 note", "%", "_", "it's", "1east", "note plain"]
_PATTERNS = ["%", "%a%", "_-%", "PLAIN", "%\\\\%", "1%", "%note%", "\\%", "bad\\", "ü%"]
_SORTED = ["number", "aText", "anInt", "aZonedStamp", "aDouble", "aDecimal", "name", "aUuid"]


@st.composite
def wheres(draw: Any, type_: Any) -> Any:
    """A `where`, rarely with a null in it."""
    return _where(draw, type_, 0)


@st.composite
def orders(draw: Any, type_: Any, *, hops: bool = True) -> Any:
    """A list of keys that leaves no two things in the same place."""
    of = get_named_type(type_)
    keys = [_key(draw, of, 0 if hops else _HOPS) for _ in range(draw(st.integers(0, 2)))]
    last = "number" if "number" in of.fields else "name"
    return [*keys, {last: draw(st.sampled_from(["ASC", "DESC"]))}]


def _key(draw: Any, type_: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
    names = [name for name in type_.fields if name in _SORTED]
    if depth < _HOPS:
        names += [n for n, f in type_.fields.items() if not _is_enum(f)]
    name = draw(st.sampled_from(names))
    field = type_.fields[name]
    if not _is_enum(field):
        return {name: _key(draw, get_named_type(field.type), depth + 1)}
    return {name: draw(st.sampled_from(list(get_named_type(field.type).values)))}


def _is_enum(field: Any) -> bool:
    return isinstance(get_named_type(field.type), GraphQLEnumType)


def _where(draw: Any, type_: Any, depth: int) -> dict[str, Any]:
    type_ = get_named_type(type_)
    found: dict[str, Any] = {}
    columns, relations = [], []
    for name, field in type_.fields.items():
        kind = get_named_type(field.type).name
        if kind.endswith(("Where", "RelationFilter")):
            relations.append(name)
        elif name in _COLUMNS:
            columns.append(name)
    for _ in range(draw(st.integers(0, 2))):
        pool = columns + (relations * 3 if depth < MAX_DEPTH else [])
        name = draw(st.sampled_from(pool))
        kind = get_named_type(type_.fields[name].type)
        if draw(st.sampled_from([False] * 40 + [True])):
            found[name] = None
        elif name in ("and", "or"):
            count = draw(st.integers(0, 2))
            found[name] = [_where(draw, kind, depth + 1) for _ in range(count)]
        elif kind.name.endswith("Where"):
            found[name] = _where(draw, kind, depth + 1)
        elif kind.name.endswith("RelationFilter"):
            quantifier = draw(st.sampled_from(["some", "every", "none"]))
            found[name] = {quantifier: _where(draw, kind.fields[quantifier].type, depth + 1)}
        else:
            found[name] = _filter(draw, name, kind)
    return found


def _filter(draw: Any, name: str, type_: GraphQLInputObjectType) -> dict[str, Any]:
    operators = draw(st.lists(st.sampled_from(list(type_.fields)), max_size=2, unique=True))
    return {operator: _operand(draw, name, type_, operator) for operator in operators}


def _operand(draw: Any, name: str, type_: GraphQLInputObjectType, operator: str) -> Any:
    if operator == "isNull":
        return draw(st.booleans())
    if draw(st.sampled_from([False] * 30 + [True])):
        return None
    if type_.name == "JSONFilter":
        return _json_operand(draw, operator)
    if operator in ("like", "ilike"):
        return draw(st.sampled_from(_PATTERNS))
    if operator == "in" or type_.name.endswith("ListFilter"):
        return [_scalar(draw, name, type_) for _ in range(draw(st.integers(0, 3)))]
    return _scalar(draw, name, type_)


def _json_operand(draw: Any, operator: str) -> Any:
    if operator == "hasKey":
        return draw(st.sampled_from(["a", "k", "nothing"]))
    if operator == "contains":
        return draw(st.sampled_from([*_JSON, {"a": None}, 1, [1], {"b": ["x"]}, [{}]]))
    path: dict[str, Any] = {
        "at": draw(st.sampled_from([["a"], ["b", "0"], ["b", "-1"], ["k", "n"], ["1", "a"], []]))
    }
    for name in draw(
        st.lists(st.sampled_from(["eq", "ne", "lt", "lte", "gt", "gte"]), max_size=2, unique=True)
    ):
        path[name] = draw(st.sampled_from([1, 2, 2.5, "x", "w", True, False]))
    if draw(st.booleans()):
        path["isNull"] = draw(st.booleans())
    return path


def _scalar(draw: Any, name: str, type_: GraphQLInputObjectType) -> Any:
    field = type_.fields.get("eq") or type_.fields["contains"]
    kind = get_named_type(field.type)
    if isinstance(kind, GraphQLEnumType):
        return draw(st.sampled_from(list(kind.values)))
    match kind.name:
        case "Int":
            return draw(st.sampled_from([0, 1, 2, 3, 5, 7, 8, 2147483647, -5]))
        case "BigInt" | "Decimal":
            return draw(st.sampled_from([v for v in POOLS[_snake(name)] if v != "NaN"]))
        case "Float":
            return draw(st.sampled_from([0, 0.1, 1.5, 2, 1e300]))
        case "Boolean":
            return draw(st.booleans())
        case "UUID":
            return draw(st.sampled_from(_UUIDS[:25]))
        case "DateTime":
            return draw(st.sampled_from(list(POOLS["a_zoned_stamp"][:4])))
        case "ID":
            return draw(st.sampled_from(["1", "2", "99"]))
        case _:
            pool = [*POOLS["a_text"], *_TEXTS] if name not in ("words", "texts") else ["a", "null"]
            return draw(st.sampled_from(pool))


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)

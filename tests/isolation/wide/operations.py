"""Hypothesis strategies: valid operations over the wide schema, with everything GraphQL allows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
)
from hypothesis import strategies as st

from tests.isolation.wide.conditions import orders, wheres
from tests.isolation.wide.pages import DEFAULT_ORDER, Place
from tests.isolation.wide.rows import _UUIDS, CLEAN, POOLS
from tests.isolation.wide.totals import GROUPED, NUMBERS, ORDERED
from tests.isolation.wide.types import HAND_WRITTEN
from tests.isolation.wide.types import schema as strawberry_schema

SCHEMA = strawberry_schema._schema
MAX_DEPTH = 4
_ABSENT = object()


@dataclass
class Operation:
    """A document, the variables it is run with, and others of another shape."""

    text: str
    variables: dict[str, Any]
    others: dict[str, Any]


@dataclass
class _State:
    draw: Any
    mixed: bool = False
    definitions: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    fragments: list[tuple[str, str, str]] = field(default_factory=list)
    names: int = 0
    taken: set[str] = field(default_factory=set)

    def define(self, definition: str, *choices: Any) -> str:
        """A new variable, given one of the choices, and another one the second time."""
        name = self.name()
        self.definitions.append(f"${name}: {definition}")
        for variables in (self.variables, self.others):
            value = self.draw(st.sampled_from(choices))
            if value is not _ABSENT:
                variables[name] = value
        return f"${name}"

    def name(self) -> str:
        self.names += 1
        return f"n{self.names}"

    def alias(self) -> str:
        """A response key; at times one that the statement might use for something else."""
        known = [
            name
            for name in ("t1", "t2", "t3", "t4", "d", "v", "e", "data")
            if name not in self.taken
        ]
        if known and self.draw(st.sampled_from([False] * 5 + [True])):
            self.taken.add(known[0])
            return known[0]
        return self.name()


@st.composite
def operations(draw: Any, *, mixed: bool = False) -> Operation:
    """A query with one to three root fields; a mixed one has hand-written fields among them."""
    state = _State(draw, mixed)
    body = _selection(state, SCHEMA.query_type, 0)
    if mixed:
        body = f"{{ hello: greeting {body[1:]}"
    parts = [body]
    if state.definitions or draw(st.booleans()):
        definitions = f"({', '.join(state.definitions)})" if state.definitions else ""
        parts = [f"query Q{definitions} {body}"]
    parts += [f"fragment {name} on {type_} {text}" for name, type_, text in state.fragments]
    between = draw(st.sampled_from(["\n", " # a (comment: 5)\n"]))
    return Operation(between.join(parts), state.variables, state.others)


def _selection(state: _State, type_: GraphQLObjectType, depth: int) -> str:
    fields = {n: f for n, f in type_.fields.items() if state.mixed or n not in HAND_WRITTEN}
    fields = {n: f for n, f in fields.items() if _judged(type_.name, n)}
    return _selection_of(state, type_, fields, depth)


def _selection_of(
    state: _State, type_: GraphQLObjectType, fields: dict[str, Any], depth: int
) -> str:
    draw = state.draw
    leaves = [n for n, f in fields.items() if is_leaf_type(get_named_type(f.type))]
    objects = [n for n in fields if n not in leaves] if depth < MAX_DEPTH else []
    objects += ["groupBy"] * 4 if "groupBy" in objects else []
    aggregated = type_.name.endswith("Aggregate")
    items: list[str] = []
    for _ in range(draw(st.integers(1, 3 if depth == 0 else 4))):
        kinds = ["leaf"] * 4 if leaves else []
        kinds += ["object"] * (2 if depth and not aggregated else 6) if objects else []
        # A fragment's keys would have to be those of each grouping that it is spread in.
        kinds += ["typename", "inline", *([] if _is_grouped(type_.name) else ["fragment"])]
        match draw(st.sampled_from(kinds)):
            case "leaf":
                items.append(_leaf(state, draw(st.sampled_from(leaves))))
            case "object":
                items.append(_object(state, type_, draw(st.sampled_from(objects)), depth))
            case "typename":
                items.append(draw(st.sampled_from(["__typename", f"{state.alias()}: __typename"])))
            case "inline":
                condition = draw(st.sampled_from(["", f" on {type_.name}"]))
                below = _selection_of(state, type_, fields, depth + 1)
                items.append(f"...{condition}{_directives(state)} {below}")
            case "fragment":
                items.append(_spread(state, type_, depth))
    return "{ " + draw(st.sampled_from([" ", ", ", "\n  "])).join(items) + " }"


def _leaf(state: _State, name: str) -> str:
    alias = f"{state.alias()}: " if state.draw(st.booleans()) else ""
    return f"{alias}{name}{_directives(state)}"


def _object(state: _State, type_: GraphQLObjectType, name: str, depth: int) -> str:
    field = type_.fields[name]
    if name == "groupBy":
        return _groups(state, field, depth)
    given = _page if name == "pagedThings" else _arguments
    arguments = given(state, field.args)
    plain = not arguments and state.draw(st.booleans())
    alias = "" if plain else f"{state.alias()}: "
    deeper = depth if type_.name.endswith(("Connection", "Edge")) else depth + 1
    below = _selection(state, get_named_type(field.type), deeper)
    return f"{alias}{name}{arguments}{_directives(state)} {below}"


def _judged(type_name: str, field_name: str) -> bool:
    """Whether the judge of aggregates knows this value of many rows."""
    for ending, known in _OF_MANY.items():
        if type_name.endswith(f"Aggregate{ending}"):
            return _snake(field_name) in known
    return True


def _is_grouped(type_name: str) -> bool:
    return type_name.endswith(("AggregateGroup", "AggregateKeys"))


def _groups(state: _State, field: Any, depth: int) -> str:
    """`groupBy`, with no keys but those of its columns."""
    draw, group = state.draw, get_named_type(field.type)
    known = [n for n in get_named_type(group.fields["keys"].type).fields if _snake(n) in GROUPED]
    names = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3))
    columns = [_EnumName(_snake(name).upper()) for name in names]
    if draw(st.booleans()):
        text = f"[{', '.join(columns)}]"
    else:
        text = state.define(str(field.args["columns"].type), columns, columns)
    given = {"limit": field.args["limit"]} if draw(st.booleans()) else {}
    limit = _arguments(state, given)
    below = _group(state, group, names, depth + 1)
    return f"{state.alias()}: groupBy(columns: {text}{limit and f', {limit[1:-1]}'}) {below}"


def _group(state: _State, group: GraphQLObjectType, names: list[str], depth: int) -> str:
    others = {name: field for name, field in group.fields.items() if name != "keys"}
    parts = [_selection_of(state, group, others, depth)]
    if state.draw(st.sampled_from([True, True, True, False])):
        keys = get_named_type(group.fields["keys"].type)
        inner = _selection_of(state, keys, {name: keys.fields[name] for name in names}, depth)
        parts.append(f"{{ {state.alias()}: keys {inner} }}")
    return f"{{ {' '.join(part[1:-1] for part in parts)} }}"


def _page(state: _State, arguments: dict[str, Any]) -> str:
    """The arguments of a connection: mostly a page that there is, and cursors of its order."""
    draw = state.draw
    given = {"where": arguments["where"]} if draw(st.booleans()) else {}
    texts = [_arguments(state, given)[1:-1]]
    order = None
    if draw(st.booleans()):
        hops = draw(st.sampled_from([False] * 15 + [True]))
        order = draw(orders(arguments["orderBy"].type, hops=hops))
        texts.append(f"orderBy: {_input(state, order, arguments['orderBy'].type)}")
        order = None if hops else order  # it has no cursors
    lengths = draw(st.sampled_from([(), ("first",), ("first",), ("last",), ("last",)]))
    if draw(st.sampled_from([False] * 30 + [True])):
        lengths = ("first", "last")
    for name in lengths:
        number = draw(st.sampled_from([1, 2, 3, 5, 20, 0, None, -1, 1001]))
        if draw(st.booleans()):
            texts.append(f"{name}: {json.dumps(number)}")
        else:
            texts.append(f"{name}: {state.define('Int', number, 2, None, _ABSENT)}")
    cursors = [name for name in ("after", "before") if draw(st.sampled_from([False, False, True]))]
    texts += [f"{name}: {_cursor(state, order)}" for name in cursors]
    texts = [text for text in texts if text]
    return f"({', '.join(texts)})" if texts else ""


def _cursor(state: _State, order: Any) -> str:
    draw = state.draw
    mine, other = (Place(order, draw(st.integers(0, 11))) for _ in range(2))
    match draw(st.sampled_from(["mine"] * 12 + ["foreign", "other order", "nonsense", "literal"])):
        case "foreign":
            mine = Place(order, 1, tenant=CLEAN[0])
        case "other order":
            mine = Place([{"aText": "DESC"}] if order else [*DEFAULT_ORDER, *DEFAULT_ORDER], 1)
        case "nonsense":
            return state.define("String", "nonsense", None)
        case "literal":
            return draw(st.sampled_from(["null", '"MS5ub25zZW5zZQ=="']))
    return state.define("String", mine, other, None, _ABSENT)


def _spread(state: _State, type_: GraphQLObjectType, depth: int) -> str:
    known = [name for name, on, _ in state.fragments if on == type_.name]
    if known and state.draw(st.booleans()):
        name = state.draw(st.sampled_from(known))
    else:
        text = _selection(state, type_, depth + 1)
        name = f"F{state.name()}"
        state.fragments.append((name, type_.name, text))
    return f"...{name}{_directives(state)}"


def _directives(state: _State) -> str:
    kind = state.draw(st.sampled_from(["none"] * 8 + ["skip", "include"]))
    if kind == "none":
        return ""
    if state.draw(st.booleans()):
        return f" @{kind}(if: {state.draw(st.sampled_from(['true', 'false']))})"
    if state.draw(st.booleans()):
        return f" @{kind}(if: {state.define('Boolean!', True, False)})"
    default = state.draw(st.sampled_from(["true", "false"]))
    return f" @{kind}(if: {state.define(f'Boolean = {default}', _ABSENT, True, False)})"


def _arguments(state: _State, arguments: dict[str, Any]) -> str:
    given: list[str] = []
    for name, argument in arguments.items():
        required = isinstance(argument.type, GraphQLNonNull) and name == "id"
        if required or state.draw(st.sampled_from([*[False] * (len(arguments) // 2), True])):
            given.append(f"{name}: {_argument(state, name, argument.type)}")
    if not given:
        return ""
    return f"({state.draw(st.sampled_from([', ', ' ', chr(10)])).join(given)})"


def _argument(state: _State, name: str, type_: GraphQLInputType) -> str:
    draw = state.draw
    if isinstance(get_named_type(type_), GraphQLInputObjectType):
        return _input(state, draw((wheres if name == "where" else orders)(type_)), type_)
    value = _value(draw, name, type_)
    if draw(st.booleans()):
        return _literal(draw, value, type_)
    value = _json(value)
    if isinstance(type_, GraphQLNonNull):
        return state.define(str(type_), value, value)
    if draw(st.booleans()):
        return state.define(str(type_), value, _ABSENT, None)
    default = _literal(draw, _value(draw, name, type_), type_, block=False)
    return state.define(f"{type_} = {default}", value, _ABSENT, None)


def _input(state: _State, value: Any, type_: Any) -> str:
    """An input object as a literal, a variable, or a literal with variables inside."""
    draw = state.draw
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if draw(st.sampled_from([False, False, False, True])):
        choices = (value, value) if inner is not type_ else (value, value, _ABSENT)
        return state.define(str(type_), *choices)
    if isinstance(inner, GraphQLList) and isinstance(value, list):
        return f"[{', '.join(_input(state, item, inner.of_type) for item in value)}]"
    if isinstance(inner, GraphQLInputObjectType) and isinstance(value, dict):
        members = [
            f"{name}: {_input(state, member, inner.fields[name].type)}"
            for name, member in value.items()
        ]
        return f"{{{draw(st.sampled_from([', ', ' '])).join(members)}}}"
    if isinstance(get_named_type(inner), GraphQLEnumType) and isinstance(value, str):
        return value
    return _json_literal(value)


def _json_literal(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}: {_json_literal(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_json_literal, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _value(draw: Any, name: str, type_: Any) -> Any:
    if isinstance(type_, GraphQLNonNull):
        return _some_value(draw, name, type_.of_type)
    return draw(st.sampled_from([None, *[_ABSENT] * 5])) and _some_value(draw, name, type_)


def _some_value(draw: Any, name: str, type_: Any) -> Any:
    if isinstance(type_, GraphQLList):
        return [_value(draw, name, type_.of_type) for _ in range(draw(st.integers(0, 3)))]
    if isinstance(type_, GraphQLEnumType):
        return draw(st.sampled_from([_EnumName(value) for value in type_.values]))
    match type_.name, name:
        case "Int", "limit":
            return draw(st.sampled_from([0, 1, 2, 5, 1000, 1000, -1, 1001]))
        case "Int", "offset":
            return draw(st.sampled_from([0, 1, 3, 100, -1]))
        case "Int", _:
            return draw(st.sampled_from([0, 1, 2, 3, 7, 8, 2147483647, -2147483648]))
        case "UUID", _:
            return draw(st.sampled_from([*_UUIDS[:25], _UUIDS[0].upper()]))
        case "Boolean", _:
            return draw(st.booleans())
        case "ID", _:
            return draw(st.sampled_from(["1", "2", "3", "99", "nonsense"]))
        case _:
            pool = POOLS.get(_snake(name), ["east", "west", "'"])
            return draw(st.sampled_from([item for item in pool if item not in _NO_INPUT]))


# By how the type of the object ends.
_OF_MANY = {"Min": ORDERED, "Max": ORDERED, "Sum": NUMBERS, "Avg": NUMBERS, "Keys": GROUPED}
_NO_INPUT = ("infinity", "-infinity", "24:00:00", "\\x", "12345-06-07", "0044-03-15 BC")


class _EnumName(str):
    __slots__ = ()


def _snake(name: str) -> str:
    if name == "bytes16":
        return "bytes_16"
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _json(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("\\x"):
        return value.removeprefix("\\x").upper()
    return value


def _literal(draw: Any, value: Any, type_: Any, *, block: bool = True) -> str:
    value = _json(value)
    match value:
        case None:
            return "null"
        case _EnumName():
            return str(value)
        case list():
            item = type_.of_type if isinstance(type_, GraphQLList) else type_
            return f"[{', '.join(_literal(draw, v, item, block=block) for v in value)}]"
        case str():
            simple = '"' not in value and "\\" not in value and "\n" not in value and value
            if block and simple and draw(st.sampled_from([False] * 4 + [True])):
                return f'"""{value}"""'
            return json.dumps(value, ensure_ascii=draw(st.booleans()) if simple else False)
        case _:
            return json.dumps(value)

"""Finds in a statement's JSON text what must not go out: nulls in non-null fields, and marks.

A view's columns never say NOT NULL, so a null where the schema promises a value is only seen in
the result. Almost always a search for a few byte sequences says that there is nothing to find;
where it says that there may be, the text is decoded and held against the plan.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

from ...sql.plan import (
    Aggregate,
    Connection,
    Constant,
    Document,
    EdgeList,
    Field,
    Groups,
    Measure,
    Measures,
    Nested,
    NodeOf,
    Plan,
    Value,
)
from ...sql.scalars import MARKER, Scalar

__all__ = ["Nulls"]


class Nulls:
    """What may be wrong with the text of one statement.

    Args:
        plan: The statement's plan.
    """

    __slots__ = ("_keys", "_plan", "_suspects")

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        suspects = {text.encode() for text in _suspects(plan.roots)}
        # Looked for only where there is any null at all.
        self._keys = tuple(sorted(s for s in suspects if s.endswith(b":null")))
        self._suspects = tuple(sorted(s for s in suspects if not s.endswith(b":null")))

    def found_in(self, text: bytes) -> bool:
        """Whether the text breaks a promise of the schema's."""
        for suspect in self._suspects:
            if suspect in text:
                return self._broken(text)
        if self._keys and b":null" in text:
            for key in self._keys:
                if key in text:
                    return self._broken(text)
        return False

    def _broken(self, text: bytes) -> bool:
        # No number is looked at, and int() refuses those of more than 4,300 digits.
        data = json.loads(text, parse_int=float)
        if self._plan.keys is None:
            return any(_wrong(field, data) for field in self._plan.roots)
        (root,) = self._plan.roots  # its value for each of the rows above it
        return any(_wrong(root, {root.key: value}) for value in data)


_NULL_ITEMS = ("[null", ",null")


def _suspects(fields: Sequence[Field]) -> Iterator[str]:
    for field in fields:
        if not isinstance(field, Constant) and not field.nullable:
            yield f'"{field.key}":null'
        match field:
            case Constant():
                pass
            case Nested():
                yield from _suspects(field.select.fields)
            case Connection():
                for node in field.nodes:
                    yield from _suspects(node)
            case Document():
                if field.many and not field.item_nullable:
                    yield from _NULL_ITEMS
                yield from _suspects(field.fields)
            case Aggregate() | Value():
                yield from _scalar_suspects(field)


def _scalar_suspects(field: Aggregate | Value) -> Iterator[str]:
    for scalar in _marked(field):
        if scalar.kind in ("int", "enum"):
            yield '"\\u0000"'
        if scalar.kind == "float":
            yield '"NaN"'
            yield 'Infinity"'
        if scalar.depth and not scalar.item_nullable:
            yield from _NULL_ITEMS


def _marked(field: Aggregate | Value) -> Iterator[Scalar]:
    if isinstance(field, Aggregate):
        yield from (measure.scalar for measure in _measures(field.fields) if measure.marked)
    elif field.marked:
        yield field.scalar


def _wrong(field: Field, row: Any) -> bool:
    if isinstance(field, Constant):
        return False
    value = row[field.key]
    if value is None:
        return not field.nullable
    if isinstance(field, Value):
        return field.marked and _wrong_scalar(field.scalar, value, field.scalar.depth)
    if isinstance(field, Connection):
        return _wrong_edge(field, value)
    if isinstance(field, Aggregate):
        return any(_wrong_part(part, value) for part in field.fields)
    rows = cast(list[Any], value) if field.many else [value]
    if isinstance(field, Nested):
        return any(_wrong(below, row) for row in rows for below in field.select.fields)
    return any(
        not field.item_nullable
        if row is None
        else any(_wrong(below, row) for below in field.fields)
        for row in rows
    )


def _wrong_edge(connection: Connection, value: Any) -> bool:
    return any(
        _wrong(field, edge[node.key])
        for edges in connection.fields
        if isinstance(edges, EdgeList)
        for edge in value[edges.key]
        for node in edges.fields
        if isinstance(node, NodeOf)
        for field in connection.nodes[node.number]
    )


def _measures(parts: Sequence[Constant | Measure | Measures | Groups]) -> Iterator[Measure]:
    for part in parts:
        if isinstance(part, Measure):
            yield part
        elif not isinstance(part, Constant):
            yield from _measures(part.fields)


def _wrong_part(part: Constant | Measure | Measures | Groups, row: Any) -> bool:
    value = row[part.key]
    match part:
        case Constant():
            return False
        case Measure():
            # Any of them may be null: there may be no row.
            return part.marked and value is not None and _wrong_scalar(part.scalar, value, 0)
        case Measures():
            return any(_wrong_part(below, value) for below in part.fields)
        case Groups():
            return any(_wrong_part(below, group) for group in value for below in part.fields)


def _wrong_scalar(scalar: Scalar, value: Any, depth: int) -> bool:
    if depth:
        if not isinstance(value, list):
            return scalar.kind != "json"
        return any(
            (item is None and not scalar.item_nullable)
            or (item is not None and _wrong_scalar(scalar, item, depth - 1))
            for item in cast(list[Any], value)
        )
    if scalar.kind in ("int", "enum"):
        return value == MARKER
    return scalar.kind == "float" and isinstance(value, str)

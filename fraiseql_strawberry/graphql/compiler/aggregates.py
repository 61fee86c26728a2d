"""From an aggregate's selection to what its rows are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any, cast

from graphql import FieldNode

from ...sql.plan import Aggregate, ColumnRef, Constant, Groups, Measure, Measures
from ...sql.scalars import Scalar
from .arguments import ArgumentValue, Computed, Given, Known
from .asked import field_of
from .builder import Builder
from .columns import leaf_ref
from .fields import Aggregated, AggregatedPart, without_obstacle
from .hydrate import parser
from .selection import collect, subselections
from .statement import Cost, refused

__all__ = ["AggregateReader", "AggregateRows"]

Make = Callable[[Any], Any]


class AggregateRows:
    """Makes the value of an aggregate, or of an object in it: what stands under each response key.

    Args:
        parts: (response key, key in the JSON, what makes the value of it).
    """

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[tuple[str, str, Make | None]]) -> None:
        self._parts = tuple(parts)

    def one(self, row: Any) -> Any:
        """The value of a field that is one object."""
        found: dict[str, Any] = {}
        for key, name, make in self._parts:
            value = row[name]
            found[key] = value if value is None or make is None else make(value)
        return found

    def many(self, rows: Any) -> Any:
        """The value of a field that is a list of them."""
        return [self.one(row) for row in cast(list[Any], rows)]


class AggregateReader:
    """Reads the selection of one aggregate.

    Args:
        builder: What builds the rest of the plan.
        field: The aggregate.
        in_response: Whether the JSON is the response; or else values are made of it.
    """

    def __init__(self, builder: Builder, field: Aggregated, *, in_response: bool) -> None:
        self._builder = builder
        self._field = field
        self._in_response = in_response
        self._rows = builder.index.object(field.target)
        self._keys = 0

    def read(self, key: str, nodes: Sequence[FieldNode]) -> tuple[Aggregate, Cost, AggregateRows]:
        """What is asked of the rows.

        Args:
            key: The aggregate's key in the JSON.
            nodes: Its nodes.

        Raises:
            BadUserInput: When an argument cannot be served.
            SteppedAside: When only Strawberry can tell.
        """
        select, costs = self._builder.rows(self._field, nodes)
        fields: list[Constant | Measure | Measures | Groups] = []
        parts: list[tuple[str, str, Make | None]] = []
        grouped: list[Cost] = []
        for response_key, part, below in self._asked(self._field.aggregate, nodes):
            if isinstance(part, AggregatedPart) and part.meaning.kind == "group_by":
                groups, cost, rows = self._groups(response_key, part, below)
                fields.append(groups)
                grouped.append(cost)
                parts.append((response_key, groups.key, rows.many))
            else:
                found, make = self._value(response_key, part, below, ())
                fields.append(found)
                parts.append((response_key, found.key, make))
        plan = Aggregate(key, select, tuple(fields), self._field.nullable)
        return plan, Cost(1, None, (*costs, *grouped)), AggregateRows(parts)

    def _groups(
        self, response_key: str, part: AggregatedPart, nodes: Sequence[FieldNode]
    ) -> tuple[Groups, Cost, AggregateRows]:
        values = self._builder.arguments(nodes, part.arguments)
        names = tuple(dict.fromkeys(self._chosen(values["columns"])))
        if not names:
            raise refused("columns", "name at least one")
        highest = self._builder.settings.max_limit
        limit, _, cost = self._builder.bounds(values, many=True, default=highest)
        assert limit is not None
        assert part.target is not None
        fields: list[Constant | Measure | Measures] = []
        parts: list[tuple[str, str, Make | None]] = []
        for below_key, below_part, below in self._asked(part.target, nodes):
            found, make = self._value(below_key, below_part, below, names)
            fields.append(found)
            parts.append((below_key, found.key, make))
        by = tuple(self._column(name, self._scalar(name)) for name in names)
        groups = Groups(self._key(response_key), by, tuple(fields), limit)
        return groups, cost, AggregateRows(parts)

    def _value(
        self,
        response_key: str,
        part: AggregatedPart | Constant,
        nodes: Sequence[FieldNode],
        grouped_by: tuple[str, ...],
    ) -> tuple[Constant | Measure | Measures, Make | None]:
        if isinstance(part, Constant):
            return part, None
        if part.target is None:
            return self._measure(response_key, part)
        fields: list[Constant | Measure] = []
        parts: list[tuple[str, str, Make | None]] = []
        for below_key, below_part, _ in self._asked(part.target, nodes):
            if isinstance(below_part, Constant):
                fields.append(below_part)
                parts.append((below_key, below_part.key, None))
                continue
            meaning = below_part.meaning
            if meaning.kind == "key" and meaning.column not in grouped_by:
                raise refused(
                    "columns", f"{below_key!r} is asked for in keys: group by its column too"
                )
            measure, make = self._measure(below_key, below_part)
            fields.append(measure)
            parts.append((below_key, measure.key, make))
        return Measures(self._key(response_key), tuple(fields)), AggregateRows(parts).one

    def _measure(self, response_key: str, part: AggregatedPart) -> tuple[Measure, Make | None]:
        meaning = part.meaning
        scalar = part.scalar if self._in_response else meaning.scalar
        assert scalar is not None
        assert meaning.kind not in ("values", "group_by")
        ref: ColumnRef | None = None
        if meaning.column is not None:
            ref, _ = self._column(meaning.column, self._scalar(meaning.column))
        key = self._key(response_key)
        measure = Measure(key, meaning.kind, ref, scalar, marked=self._in_response)
        # What is parsed is a moment without a zone only where the column is one.
        make = None if ref is None else parser(scalar, ref.type, meaning.enum)
        return measure, make

    def _column(self, name: str, scalar: Scalar | None) -> tuple[ColumnRef, Scalar]:
        user = f"{self._rows.name}.{name}"
        return leaf_ref(self._builder.catalog, self._field.query.source, name, scalar, user)

    def _scalar(self, name: str) -> Scalar | None:
        return self._rows.scalar_of(name)

    def _chosen(self, value: ArgumentValue) -> Iterator[str]:
        match value:
            case Known():
                items = value.value
            case Given() | Computed():
                items = value.value(self._builder.values)
        for item in cast(list[Any], items):
            yield cast(str, item.value if isinstance(item, Enum) else item)

    def _asked(
        self, type_name: str, nodes: Sequence[FieldNode]
    ) -> Iterator[tuple[str, AggregatedPart | Constant, list[FieldNode]]]:
        """Response key, meaning and nodes of what is asked of an object."""
        object_ = self._builder.index.object(type_name)
        grouped = collect(
            self._builder.index.schema,
            object_.type,
            subselections(nodes),
            self._builder.fragments,
            self._builder.values,
            strict=self._in_response,
        )
        for response_key, below in grouped.items():
            if self._in_response:
                field: Any = field_of(object_, response_key, below)
            else:
                name = below[0].name.value
                field = without_obstacle(object_.fields.get(name))
                if field is None:
                    field = Constant(self._key(response_key), type_name)
            yield response_key, field, below

    def _key(self, response_key: str) -> str:
        """The key in the JSON: an alias of the client's may be too long for a name of SQL."""
        if self._in_response:
            return response_key
        self._keys += 1
        return f"c{self._keys}"

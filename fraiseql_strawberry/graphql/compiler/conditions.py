"""From a `where` to conditions of a plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from ...sql.catalog import Catalog, ColumnType
from ...sql.plan import And, ColumnRef, Compare, Condition, Exists, Not, Or, Parameter
from ...sql.scalars import Scalar
from ...sql.source import Source
from ..inputs.meaning import (
    Connective,
    OnColumn,
    OnRelation,
    Operator,
    Quantifier,
    meaning_of,
)
from .arguments import ArgumentValue, Computed, Given, Known, Values, items_of, members_of
from .columns import column_ref
from .comparing import operand
from .core import nullable_type
from .hops import hop_of
from .index import ObjectIndex, SchemaIndex
from .reason import SteppedAside
from .settings import Settings
from .statement import Slots, refused

__all__ = ["Conditions"]

_TEXT = ColumnType("text")
# What is asked where the client says that it is not null.
_NULLS = {"is_null": "is_not_null", "json_is_null": "json_is_not_null"}


@dataclass(frozen=True, slots=True)
class _Compared:
    """A column, or a place inside of its JSON."""

    ref: ColumnRef
    scalar: Scalar | None
    path: Parameter | None = None


class Conditions:
    """Reads the conditions of one `where`.

    Args:
        index: The schema.
        catalog: The columns.
        settings: The bounds.
        values: Those of the request whose shape is compiled.
        slots: Where operands are bound.
    """

    def __init__(
        self, index: SchemaIndex, catalog: Catalog, settings: Settings, values: Values, slots: Slots
    ) -> None:
        self._index = index
        self._catalog = catalog
        self._settings = settings
        self._values = values
        self._slots = slots
        self._count = 0
        self.relations = 0
        """How many conditions are about related rows; each is looked for row by row."""

    def read(
        self,
        object_: ObjectIndex,
        source: Source,
        value: ArgumentValue,
        type_: Any,
        at: str = "where",
        depth: int = 1,
    ) -> tuple[Condition, ...]:
        """What must hold of rows of a source.

        Args:
            object_: The type of the rows.
            source: The source.
            value: The condition.
            type_: Its input type.
            at: Where it is, for errors.
            depth: How deep it is inside of others.

        Raises:
            BadUserInput: When it cannot be served: too large, a null, a value of another kind.
            SteppedAside: When it is invalid.
        """
        if depth > self._settings.max_condition_depth:
            raise refused(
                "where", f"conditions inside of each other more than {depth - 1} levels deep"
            )
        type_, _ = nullable_type(type_)
        found: list[Condition] = []
        for name, part in members_of(value, type_, self._values).items():
            self._counted()
            here, field = f"{at}.{name}", type_.fields[name]
            _refuse_null(part, here)
            match meaning_of(field):
                case Connective(kind):
                    found.append(
                        self._connected(kind, object_, source, part, field.type, here, depth)
                    )
                case OnColumn(column):
                    found += self._column(object_, source, column, part, field.type, here)
                case OnRelation(relation):
                    found += self._relation(
                        object_, source, relation, part, field.type, here, depth
                    )
                case _:
                    raise SteppedAside("a condition of another kind")
        return tuple(found)

    def _connected(
        self,
        kind: str,
        object_: ObjectIndex,
        source: Source,
        part: ArgumentValue,
        type_: Any,
        at: str,
        depth: int,
    ) -> Condition:
        if kind == "not":
            return Not(And(self.read(object_, source, part, type_, at, depth + 1)))
        of_type = nullable_type(type_)[0].of_type
        items: list[Condition] = []
        for number, item in enumerate(items_of(part, type_, self._values)):
            self._counted()
            here = f"{at}.{number}"
            items.append(And(self.read(object_, source, item, of_type, here, depth + 1)))
        return And(tuple(items)) if kind == "and" else Or(tuple(items))

    def _column(
        self,
        object_: ObjectIndex,
        source: Source,
        name: str,
        value: ArgumentValue,
        type_: Any,
        at: str,
    ) -> list[Condition]:
        scalar = object_.scalar_of(name)
        ref = column_ref(self._catalog, source, name, scalar, f"{object_.name}.{name}")
        return self._compared(_Compared(ref, scalar), value, type_, at)

    def _compared(
        self, of: _Compared, value: ArgumentValue, type_: Any, at: str
    ) -> list[Condition]:
        found: list[Condition] = []
        type_, _ = nullable_type(type_)
        for field_name, part in members_of(value, type_, self._values).items():
            if field_name == "at" and of.path is not None:
                continue
            self._counted()
            here, field = f"{at}.{field_name}", type_.fields[field_name]
            _refuse_null(part, here)
            operator = cast(Operator, meaning_of(field)).name
            if operator == "path":
                found += self._json_path(of, part, field.type, here)
            elif operator in _NULLS:
                sql = operator if self._now(part) else _NULLS[operator]
                found.append(Compare(of.ref, sql, None, of.path))
            else:
                sql, convert, operand_type, array = operand(
                    operator, of.ref, of.scalar, self._settings.max_items
                )
                slot = self._slots.add(part, convert, here)
                found.append(Compare(of.ref, sql, Parameter(slot, operand_type, array), of.path))
        return found

    def _json_path(
        self, of: _Compared, value: ArgumentValue, type_: Any, at: str
    ) -> list[Condition]:
        place = members_of(value, nullable_type(type_)[0], self._values).get("at")
        if place is None:
            raise refused(at, 'name the place in it: at: ["key"]')
        _refuse_null(place, f"{at}.at")
        slot = self._slots.add(place, _keys(self._settings.max_items), f"{at}.at")
        path = Parameter(slot, _TEXT, array=True)
        found = self._compared(replace(of, path=path), value, type_, at)
        # Nothing is said of the place; but a statement takes as many parameters as it names.
        return found or [Compare(of.ref, "json_at", None, path)]

    def _relation(
        self,
        object_: ObjectIndex,
        source: Source,
        name: str,
        value: ArgumentValue,
        type_: Any,
        at: str,
        depth: int,
    ) -> list[Condition]:
        target, hop, many = hop_of(self._index, self._catalog, object_, source, name)
        assert target.source is not None
        type_, _ = nullable_type(type_)
        if not many:
            self.relations += 1
            below = self.read(target, target.source, value, type_, at, depth + 1)
            return [Exists(hop, below)]
        found: list[Condition] = []
        for field_name, part in members_of(value, type_, self._values).items():
            self._counted()
            self.relations += 1
            here, field = f"{at}.{field_name}", type_.fields[field_name]
            _refuse_null(part, here)
            below = self.read(target, target.source, part, field.type, here, depth + 1)
            match cast(Quantifier, meaning_of(field)).kind:
                case "some":
                    found.append(Exists(hop, below))
                case "none":
                    found.append(Not(Exists(hop, below)))
                case "every":
                    found.append(Not(Exists(hop, (Not(And(below)),))))
        return found

    def _now(self, part: ArgumentValue) -> Any:
        """A value that is part of the shape."""
        match part:
            case Known():
                return part.value
            case Given():
                return part.value(self._values)
            case Computed():
                return part.value(self._values)

    def _counted(self) -> None:
        self._count += 1
        if self._count > self._settings.max_conditions:
            raise refused("where", f"more than {self._settings.max_conditions} conditions")


def _refuse_null(part: ArgumentValue, at: str) -> None:
    # An operator with null would be true of nothing; left out, of everything. Neither is meant.
    if isinstance(part, Known) and part.value is None:
        raise refused(at, "null is no condition: leave it out, or say isNull: true")


def _keys(highest: int) -> Any:
    def convert(items: Any) -> list[str]:
        if not 0 < len(items) <= highest:
            raise ValueError(f"name from 1 to {highest} keys")
        for item in items:
            if "\x00" in item:
                raise ValueError("a text cannot hold the character U+0000")
            item.encode()
        return list(items)

    return convert

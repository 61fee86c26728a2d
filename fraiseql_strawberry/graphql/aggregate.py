"""`aggregate=…`: a root field that is what many rows come to, and the types made for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, cast
from uuid import UUID

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.scalars import ID
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, get_object_definition

from ..errors import SchemaError
from ..sql.scalars import Scalar
from .aggregate_part import ROWS, Part, PartMeaning, part_type
from .definition import QueryField
from .inputs.choices import Choice, Narrowing, choices, innermost
from .scalars import BigInt

__all__ = ["AGGREGATE", "AggregateField", "Aggregation"]

AGGREGATE = "fraiseql_aggregate"
"""Where a field's `metadata` keeps its `Aggregation`."""

_PYTHON: dict[str, Any] = {
    "string": str,
    "int": int,
    "bigint": BigInt,
    "float": float,
    "decimal": Decimal,
    "date": dt.date,
    "datetime": dt.datetime,
    "time": dt.time,
    "interval": dt.timedelta,
    "boolean": bool,
    "uuid": UUID,
    "id": ID,
}
_NUMBERS = frozenset({"int", "bigint", "float", "decimal"})
_ORDERED = _NUMBERS | {"string", "date", "datetime", "time", "interval"}
_GROUPED = _ORDERED | {"boolean", "uuid", "id", "enum"}
# A sum of integers is one of any size; their average is exact.
_SUM = {"int": "bigint"}
_AVERAGE = {"int": "decimal", "bigint": "decimal"}

_Kind = Literal["min", "max", "sum", "avg", "key"]
_OF_A_COLUMN: tuple[tuple[_Kind, frozenset[str], dict[str, str], str], ...] = (
    ("min", _ORDERED, {}, "The least value of each column; null of no rows."),
    ("max", _ORDERED, {}, "The greatest value of each column; null of no rows."),
    ("sum", _NUMBERS, _SUM, "The sum of each column; null of no rows."),
    ("avg", _NUMBERS, _AVERAGE, "The average of each column; null of no rows."),
)


@dataclass(frozen=True)
class Aggregation:
    """What the decorator said of an aggregate.

    Args:
        function: The decorated function's name.
        names: The columns; None for all.
    """

    function: str
    names: tuple[str, ...] | None = None
    _made: dict[type[Any], type[Any]] = field(default_factory=dict[type[Any], type[Any]])

    @classmethod
    def of(cls, function: str, columns: bool | Sequence[str]) -> Aggregation:
        """Read what the decorator was given.

        Raises:
            SchemaError: When it is no list of columns.
        """
        if columns is True:
            return cls(function)
        if isinstance(columns, (bool, str)) or not columns:
            raise SchemaError(f'{function}(): name the columns in a list: aggregate=["published"]')
        for name in columns:
            if "." in name:
                raise SchemaError(
                    f"{function}(): aggregate={name!r} is a column of another type's: "
                    "add it to the view"
                )
        return cls(function, tuple(columns))

    def type_of(self, cls: type[Any]) -> type[Any]:
        """The generated type for rows of a class; equal aggregates share it.

        Raises:
            SchemaError: When a name is no column that can be compared.
        """
        known = self._made if self.names is not None else _shared
        found = known.get(cls)
        if found is None:
            found = known[cls] = self._make(cls)
        return found

    def _make(self, cls: type[Any]) -> type[Any]:
        narrowing, name = None, cast(Any, get_object_definition(cls)).name
        if self.names is not None:
            narrowing = Narrowing(self.names, f"{self.function}(), aggregate")
            name = "".join(part[:1].upper() + part[1:] for part in self.function.split("_"))
        name = f"{name.removesuffix('Aggregate')}Aggregate"
        found = [
            (choice, choice.scalar)
            for choice in choices(cls, narrowing)
            if choice.scalar is not None and choice.scalar.depth == 0
        ]
        values = {
            "count": Part(
                PartMeaning("count", None, Scalar("int")), int, "How many rows there are."
            )
        }
        for kind, fitting, results, says in _OF_A_COLUMN:
            parts = {
                choice.field.python_name: _value(kind, choice, results.get(of.kind, of.kind))
                for choice, of in found
                if of.kind in fitting
            }
            if parts:
                below = part_type(f"{name}{kind.capitalize()}", says, parts)
                values[kind] = Part(PartMeaning("values"), below, says)
        keys = {
            choice.field.python_name: _value("key", choice, of.kind)
            for choice, of in found
            if of.kind in _GROUPED
        }
        fields = dict(values)
        if keys:
            fields["group_by"] = _groups(name, keys, values)
        made = part_type(name, f"What many {_name(cls)} rows come to.", fields)
        setattr(made, ROWS, cls)
        return made


_shared: dict[type[Any], type[Any]] = {}


class AggregateField(QueryField):
    """A root field whose function returns `list[Post]`, and whose value is what they come to."""

    @property
    def rows_type(self) -> Any:
        """What the function's annotation says."""
        return cast(Any, self).base_resolver.type

    def resolve_type(self, *, type_definition: Any = None) -> Any:
        """The generated type.

        Raises:
            SchemaError: When the annotation is no list of objects.
        """
        declared = super().resolve_type(type_definition=type_definition)
        cls = innermost(declared)
        if get_object_definition(cls) is None or ROWS in vars(cls):
            return declared  # not known yet, or made by an earlier call
        aggregation: Aggregation = self.metadata[AGGREGATE]
        if not isinstance(declared, StrawberryList):
            raise SchemaError(
                f"{aggregation.function}(): aggregate= needs a list: -> list[{cls.__name__}]"
            )
        return aggregation.type_of(cls)


def _value(kind: _Kind, choice: Choice, result: str) -> Part:
    scalar = choice.scalar
    assert scalar is not None
    if result == "enum":
        meaning = PartMeaning(kind, choice.field.python_name, scalar, choice.enum)
        annotation: Any = choice.enum
    else:
        meaning = PartMeaning(kind, choice.field.python_name, Scalar(result))
        annotation = _PYTHON[result]
    says = choice.field.description or f"Of `{choice.field.python_name}`."
    return Part(meaning, annotation | None, says, graphql_name=choice.field.graphql_name)


def _groups(name: str, keys: dict[str, Part], values: dict[str, Part]) -> Part:
    column: Any = Enum(f"{name}Column", {key.upper(): key for key in keys})
    columns = strawberry.enum(column, name=f"{name}Column", description="What to group rows by.")
    says = "What the rows of a group have in common, in the columns that they are grouped by."
    fields = {
        "keys": Part(PartMeaning("values"), part_type(f"{name}Keys", says, keys), says),
        **values,
    }
    group = part_type(f"{name}Group", "Rows that have values in common.", fields)
    return Part(
        PartMeaning("group_by"),
        list[group],
        "The rows in groups, in the order of their keys.",
        arguments=(
            StrawberryArgument(
                *("columns", None, StrawberryAnnotation(list[columns])),
                description="Rows that are equal in these are a group.",
            ),
            StrawberryArgument(
                *("limit", None, StrawberryAnnotation(int | None)),
                description="How many groups at the most.",
            ),
        ),
    )


def _name(cls: type[Any]) -> str:
    return cast(Any, get_object_definition(cls)).name

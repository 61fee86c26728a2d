"""What a field of the schema can be: a column, rows of a source, or code of the user's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from graphql import GraphQLArgument

from ...sql.scalars import Scalar
from ...sql.source import Relation, SourceQuery
from ...sql.write import SourceWrite
from ..aggregate_part import PartMeaning

__all__ = [
    "Aggregated",
    "AggregatedPart",
    "Argument",
    "Arguments",
    "Attribute",
    "Connected",
    "Embedded",
    "FieldIndex",
    "Leaf",
    "Opaque",
    "Related",
    "Root",
    "Written",
    "without_obstacle",
]


@dataclass(frozen=True, slots=True)
class Argument:
    """A GraphQL argument: its name in Python, and its type and default in graphql-core."""

    python_name: str
    definition: GraphQLArgument


Arguments = Mapping[str, Argument]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A field whose value is a column.

    Args:
        python_name: The attribute, and the column.
        scalar: How the fast lane writes it; None where only the user's own scalar knows.
        nullable: Whether it may be null.
    """

    python_name: str
    scalar: Scalar | None
    nullable: bool


@dataclass(frozen=True, slots=True)
class Embedded:
    """A field whose value is an object, or a list of them, inside of the row's JSON.

    Args:
        python_name: The attribute, and the column or the key.
        target: The GraphQL name of the object's type.
        many: Whether it is a list.
        nullable: Whether it may be null.
        item_nullable: Whether the items of a list may be null.
        required: Whether the class has no default for it.
    """

    python_name: str
    target: str
    many: bool
    nullable: bool
    item_nullable: bool
    required: bool


@dataclass(frozen=True, slots=True)
class Related:
    """A field whose value is rows of another source."""

    relation: Relation
    target: str
    many: bool
    nullable: bool
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Root:
    """A root field that reads a source."""

    query: SourceQuery
    target: str
    many: bool
    nullable: bool
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Connected(Root):
    """A root field that is a page of a source's rows; `target` is the type of a row.

    Args:
        connection: The GraphQL name of the connection's type.
    """

    connection: str


@dataclass(frozen=True, slots=True)
class Aggregated(Root):
    """A root field that is what a source's rows come to; `target` is the type of a row.

    Args:
        aggregate: The GraphQL name of the generated type.
    """

    aggregate: str


@dataclass(frozen=True, slots=True)
class AggregatedPart:
    """A field of an aggregate.

    Args:
        meaning: What it stands for.
        target: The GraphQL name of its type, where that is an object.
        scalar: How the fast lane writes it; None where only the user's own scalar knows.
        arguments: Its arguments.
    """

    meaning: PartMeaning
    target: str | None
    scalar: Scalar | None
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Written:
    """A root field that writes rows, and whose value is what they are then.

    Args:
        write: What is written.
        target: The GraphQL name of the rows' type.
        many: Whether it is a list: one item for each row that is written.
        nullable: Whether it may be null.
        item_nullable: Whether the items of a list may be null.
        arguments: Its arguments.
    """

    write: SourceWrite
    target: str
    many: bool
    nullable: bool
    item_nullable: bool
    arguments: Arguments

    @property
    def row_nullable(self) -> bool:
        """Whether a row that is not there is null, or an error."""
        return self.item_nullable if self.many else self.nullable


@dataclass(frozen=True, slots=True)
class Opaque:
    """A field that only Strawberry can resolve.

    Args:
        reason: Why.
        behind: What its value is once the user's code has let it through.
    """

    reason: str
    behind: Leaf | Embedded | Related | Root | AggregatedPart | Written | None = None


FieldIndex = Leaf | Embedded | Related | Root | AggregatedPart | Written | Opaque


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a class that is stored in a column.

    Args:
        scalar: How its column's JSON becomes its Python value; None to go by the column's type.
        required: Whether the class has no default for it.
        enum: The class of an enum's members.
    """

    scalar: Scalar | None
    required: bool
    enum: type[Enum] | None = None


def without_obstacle(field: FieldIndex | None) -> FieldIndex | None:
    """What a field is once the user's code has let it through."""
    return field.behind if isinstance(field, Opaque) else field

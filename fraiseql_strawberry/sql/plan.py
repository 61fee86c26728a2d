"""A GraphQL operation as data that SQL can be written from: no GraphQL and no text yet.

Each node says what is read, never how it is written. Values of the client are only ever
`Parameter`s; everything else comes from the application's own code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from .catalog import ColumnType
from .scalars import Scalar
from .source import Source

__all__ = [
    "Aggregate",
    "And",
    "Behind",
    "ColumnRef",
    "Compare",
    "Condition",
    "Connection",
    "Constant",
    "CursorOf",
    "Document",
    "EdgeList",
    "Exists",
    "Field",
    "Filter",
    "Function",
    "Groups",
    "Hop",
    "Join",
    "Keys",
    "Link",
    "Measure",
    "Measures",
    "Nested",
    "NodeOf",
    "Not",
    "Or",
    "Order",
    "PageFact",
    "PageFacts",
    "Parameter",
    "Plan",
    "Select",
    "Total",
    "Value",
    "parameters_of",
]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value bound per request.

    Args:
        slot: Its place among the statement's arguments, from 0.
        type: What it is cast to, so that PostgreSQL and the driver agree on its type.
        array: Whether it is an array of that type.
    """

    slot: int
    type: ColumnType
    array: bool = False


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """A column of a row, or a key of its `data jsonb` document.

    Args:
        name: The column, or the key.
        type: The type that the reading expression has.
        document: The jsonb column that holds the key; None for a column of its own.
        from_json: Whether a jsonb array is turned into an array of `type`.
    """

    name: str
    type: ColumnType
    document: str | None = None
    from_json: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """A scalar of the row under a response key.

    Args:
        key: The key.
        column: What is read.
        scalar: As what.
        nullable: Whether it may be null.
        marked: Whether a value that GraphQL cannot express is marked (see `scalars`); without it,
            the value is left for Strawberry to judge.
    """

    key: str
    column: ColumnRef
    scalar: Scalar
    nullable: bool
    marked: bool = True


@dataclass(frozen=True, slots=True)
class Constant:
    """`__typename`: the same text in every row."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Filter:
    """A column compared with a parameter: equal, or equal to any of an array."""

    column: ColumnRef
    parameter: Parameter


@dataclass(frozen=True, slots=True)
class Link:
    """The link table of a many-to-many join: its columns towards each side, as pairs.

    Args:
        source: The table.
        local: Its columns towards the row above.
        remote: Its columns towards the row below.
        tenant: As in `Select`.
    """

    source: Source
    local: tuple[ColumnRef, ...]
    remote: tuple[ColumnRef, ...]
    tenant: ColumnRef | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """Which columns of the row above equal which of this one."""

    local: tuple[ColumnRef, ...]
    remote: tuple[ColumnRef, ...]
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Hop:
    """A step from a row to one row of another source.

    Args:
        source: The other source.
        join: The columns in which they meet.
        order: Which of several rows is meant: the first in this order.
        tenant: As in `Select`.
    """

    source: Source
    join: Join
    order: tuple[Order, ...] = ()
    tenant: ColumnRef | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One key of an order.

    Args:
        column: The column.
        descending: Whether the highest value comes first.
        nulls: Where nulls go; None where PostgreSQL puts them (last, or first if descending).
        hops: The rows that lead to the one that has the column, outermost first.
    """

    column: ColumnRef
    descending: bool = False
    nulls: Literal["first", "last"] | None = None
    hops: tuple[Hop, ...] = ()


@dataclass(frozen=True, slots=True)
class Compare:
    """A column compared by an operator of `operators`.

    Args:
        column: The column.
        operator: The operator.
        parameter: What it is compared with; None where the operator needs nothing.
        path: Where in a JSON value to look.
    """

    column: ColumnRef
    operator: str
    parameter: Parameter | None = None
    path: Parameter | None = None


@dataclass(frozen=True, slots=True)
class And:
    """All hold; of none, that is so."""

    items: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One holds; of none, that is never so."""

    items: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """It is not true: false, or unknown because of a null."""

    item: Condition


@dataclass(frozen=True, slots=True)
class Exists:
    """There is a related row for which all hold."""

    hop: Hop
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Behind:
    """The row comes after a cursor.

    Args:
        keys: The order.
        nullable: Whether the column of each key may be null.
        parameters: The cursor's values of them.
    """

    keys: tuple[Order, ...]
    nullable: tuple[bool, ...]
    parameters: tuple[Parameter, ...]


Condition = Filter | Compare | And | Or | Not | Exists | Behind
"""What holds of a row. A null makes a comparison unknown, which counts as not true."""


@dataclass(frozen=True, slots=True)
class Select:
    """Rows of a source.

    Args:
        source: Where they come from.
        fields: What is read of each, in the order requested.
        filters: All hold.
        order: The order, outermost key first.
        limit: How many at the most: a number of ours, or the client's; None for one row by key.
        offset: How many are skipped.
        tenant: The column by which the rows are distributed over servers, which the statement
            compares with `$1`; None where they are not.
    """

    source: Source
    fields: tuple[Field, ...]
    filters: tuple[Condition, ...] = ()
    order: tuple[Order, ...] = ()
    limit: Parameter | int | None = None
    offset: Parameter | None = None
    tenant: ColumnRef | None = None


@dataclass(frozen=True, slots=True)
class Nested:
    """Rows under a response key: of the operation itself, or of the row above by its join."""

    key: str
    select: Select
    many: bool
    nullable: bool
    join: Join | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """An object, or a list of objects, inside of a row's JSON, under a response key.

    Args:
        key: The response key.
        column: Where it is: a column of JSON, or a key of a document.
        fields: What is read of each object, from its column `catalog.OBJECT_COLUMN`.
        many: Whether it is a list.
        nullable: Whether it may be null; what is no object, or no list, is null.
        item_nullable: Whether the items of a list may be null.
    """

    key: str
    column: ColumnRef
    fields: tuple[Field, ...]
    many: bool
    nullable: bool
    item_nullable: bool = False


@dataclass(frozen=True, slots=True)
class CursorOf:
    """The cursor of an edge."""

    key: str


@dataclass(frozen=True, slots=True)
class NodeOf:
    """The row of an edge: which of the connection's `nodes`."""

    key: str
    number: int


@dataclass(frozen=True, slots=True)
class EdgeList:
    """The edges of a connection, under a response key."""

    key: str
    fields: tuple[Constant | CursorOf | NodeOf, ...]


@dataclass(frozen=True, slots=True)
class PageFact:
    """Something about the page of a connection."""

    key: str
    name: Literal["has_next_page", "has_previous_page", "start_cursor", "end_cursor"]


@dataclass(frozen=True, slots=True)
class PageFacts:
    """The `pageInfo` of a connection, under a response key."""

    key: str
    fields: tuple[Constant | PageFact, ...]


@dataclass(frozen=True, slots=True)
class Total:
    """How many rows there are in all, under a response key."""

    key: str


@dataclass(frozen=True, slots=True)
class Connection:
    """A page of rows, with a cursor for each.

    Args:
        key: The response key.
        select: The rows, without fields: as many as the page has, in the order in which the page
            is read; for the end of a list, that is the other way round.
        counted: What holds of all rows that are counted.
        prefix: What each cursor begins with.
        nodes: What is read of each row, for each time that it is asked for.
        fields: What the response has of the connection.
        backwards: Whether the page is read from its end.
        bounded: Whether it begins behind a cursor, as it is read.
        nullable: Whether it may be null.
    """

    key: str
    select: Select
    counted: tuple[Condition, ...]
    prefix: Parameter
    nodes: tuple[tuple[Field, ...], ...]
    fields: tuple[Constant | EdgeList | PageFacts | Total, ...]
    backwards: bool = False
    bounded: bool = False
    nullable: bool = False


Function = Literal["count", "min", "max", "sum", "avg", "key"]
"""What is made of many rows; "key" is what all rows of a group have in common."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One value of many rows, under a response key.

    Args:
        key: The key.
        function: What is made of them.
        column: Of which column; None for their number.
        scalar: As what.
        marked: As in `Value`.
    """

    key: str
    function: Function
    column: ColumnRef | None
    scalar: Scalar
    marked: bool = True


@dataclass(frozen=True, slots=True)
class Measures:
    """Several of them as an object, under a response key."""

    key: str
    fields: tuple[Constant | Measure, ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """The rows in groups that have values in common, in the order of these, under a response key.

    Args:
        key: The key.
        by: The columns, and as what each is read.
        fields: What the response has of each group.
        limit: How many groups at the most.
    """

    key: str
    by: tuple[tuple[ColumnRef, Scalar], ...]
    fields: tuple[Constant | Measure | Measures, ...]
    limit: Parameter | int


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What many rows come to.

    Args:
        key: The response key.
        select: The rows, without fields.
        fields: What the response has of them.
        nullable: Whether it may be null.
    """

    key: str
    select: Select
    fields: tuple[Constant | Measure | Measures | Groups, ...]
    nullable: bool = False


Field = Value | Constant | Nested | Document | Connection | Aggregate


@dataclass(frozen=True, slots=True)
class Keys:
    """The rows above a relation, given as arrays of their key columns, one parameter a column."""

    columns: tuple[ColumnRef, ...]
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole operation, or the one field below `keys` for many rows at once."""

    roots: tuple[Constant | Nested | Connection | Aggregate, ...]
    keys: Keys | None = field(default=None)


def parameters_of(conditions: Iterable[Condition]) -> Iterator[Parameter]:
    """The parameters of conditions, in no order."""
    for condition in conditions:
        match condition:
            case Filter():
                yield condition.parameter
            case Compare():
                yield from (p for p in (condition.parameter, condition.path) if p is not None)
            case And() | Or():
                yield from parameters_of(condition.items)
            case Not():
                yield from parameters_of((condition.item,))
            case Exists():
                yield from parameters_of(condition.conditions)
            case Behind():
                yield from condition.parameters

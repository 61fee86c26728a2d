"""What a decorated type, query or relation says about the database, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "JsonObject",
    "OrderKey",
    "Origin",
    "Relation",
    "Source",
    "SourceQuery",
    "Through",
    "parse_order_by",
]


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """A view, table or function, as `sql_source` names it: `"v_post"` or `"app.v_post"`."""

    name: str
    schema: str | None = None

    @classmethod
    def parse(cls, text: str) -> Source:
        """Split `"schema.name"`; a name without a dot is found by the connection's search path."""
        schema, dot, name = text.rpartition(".")
        return cls(name, schema if dot else None)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True)
class JsonObject:
    """An object inside of a row's JSON, whose keys stand for columns.

    Args:
        place: The field it is the value of, for errors: "Post.author".
    """

    place: str

    def __str__(self) -> str:
        return f"the JSON of {self.place}"


Origin = Source | JsonObject
"""Where the columns of a type come from."""


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One column of an order; `descending` is written `-column` in the decorators."""

    column: str
    descending: bool = False


def parse_order_by(text: str | tuple[str, ...] | None) -> tuple[OrderKey, ...]:
    """Read `"-created_at"` or `"-created_at, id"` or a tuple of such keys."""
    parts = text.split(",") if isinstance(text, str) else (text or ())
    keys = (part.strip() for part in parts)
    return tuple(OrderKey(key.removeprefix("-"), key.startswith("-")) for key in keys if key)


@dataclass(frozen=True, slots=True)
class Through:
    """The link table of a many-to-many relation: local keys → link → remote keys."""

    source: Source
    local: tuple[str, ...]
    remote: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """How rows of another source belong to a row: `local` columns equal `remote` columns.

    Args:
        local: Columns of the row that has the relation.
        remote: Columns of the rows it leads to, in the same order.
        through: The link table between the two, for many-to-many.
        order_by: The fixed order of a list.
        limit: The length of a list where the client names none; None is the configuration's.
    """

    local: tuple[str, ...]
    remote: tuple[str, ...]
    through: Through | None = None
    order_by: tuple[OrderKey, ...] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class SourceQuery:
    """A root field that reads a source.

    Args:
        source: Where the rows come from.
        id_arg: The argument that names one row, for fields that return one.
        id_column: The column it is compared with.
        order_by: The fixed order of a list.
        filters: GraphQL argument (python name) → column, for arguments that filter.
        relay: Whether the rows are a connection.
        aggregate: Whether the field is what the rows come to.
    """

    source: Source
    id_arg: str | None = None
    id_column: str = "id"
    order_by: tuple[OrderKey, ...] = ()
    filters: dict[str, str] = field(default_factory=dict[str, str])
    relay: bool = False
    aggregate: bool = False

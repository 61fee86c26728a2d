"""Values that need no execution: the JSON of a field whose whole subtree was compiled.

The standard lane reads such a field as the fast lane does, under the keys that were asked for and
with every scalar as its text. What the resolver returns is then a `Finished` value, which the
executor takes as it is: it neither iterates nor serialises it (see `graphql.executor`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from graphql import FieldNode

from ...sql.plan import Aggregate, Connection
from ...sql.source import Origin
from .builder import Expanded
from .fields import Aggregated, Connected
from .index import ObjectIndex
from .response import ResponseBuilder
from .statement import Cost

__all__ = ["Finished", "FinishedBuilder", "FinishedRows"]


class Finished:
    """What a field is in the response.

    Args:
        value: Its decoded JSON, or something that whoever writes the response knows how to write;
            never None.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class FinishedRows:
    """Takes rows as they are, in the place of what makes instances of them."""

    __slots__ = ()

    def one(self, row: Any) -> Any:
        """The value of a field that is one row, or None."""
        return None if row is None else Finished(row)

    def many(self, rows: Any) -> Any:
        """The value of a field that is a list of rows."""
        return Finished(rows)


_ROWS = FinishedRows()


class FinishedBuilder(ResponseBuilder):
    """Builds the plan of a field as it stands in the response; it steps aside as the lane does."""

    def expand(self, object_: ObjectIndex, source: Origin, nodes: Sequence[FieldNode]) -> Expanded:
        """Values, objects and relations under their response keys, to be taken as they are."""
        return replace(super().expand(object_, source, nodes), hydrate=_ROWS)

    def connection(
        self, key: str, field: Connected, nodes: Sequence[FieldNode]
    ) -> tuple[Connection, Cost, Any]:
        """A page of rows, to be taken as it is."""
        connection, cost, _ = super().connection(key, field, nodes)
        return connection, cost, _ROWS

    def aggregate(
        self, key: str, field: Aggregated, nodes: Sequence[FieldNode]
    ) -> tuple[Aggregate, Cost, Any]:
        """What rows come to, to be taken as it is."""
        aggregate, cost, _ = super().aggregate(key, field, nodes)
        return aggregate, cost, _ROWS

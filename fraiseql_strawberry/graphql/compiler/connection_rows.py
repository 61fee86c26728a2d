"""From a connection's JSON to instances of Strawberry's Relay types, for the standard lane."""

from __future__ import annotations

from typing import Any, cast

from strawberry import relay

from ...sql.plan import CursorOf, EdgeList, NodeOf, PageFact, PageFacts, Total
from .hydrate import Rows

__all__ = ["EDGES", "PAGE_INFO", "TOTAL", "ConnectionRows"]

EDGES = EdgeList("edges", (CursorOf("cursor"), NodeOf("node", 0)))
PAGE_INFO = PageFacts(
    "page_info",
    (
        PageFact("has_next_page", "has_next_page"),
        PageFact("has_previous_page", "has_previous_page"),
        PageFact("start_cursor", "start_cursor"),
        PageFact("end_cursor", "end_cursor"),
    ),
)
TOTAL = Total("total_count")


class ConnectionRows:
    """Makes the instance of a connection.

    Args:
        cls: Its class.
        nodes: What makes the rows.
    """

    __slots__ = ("_cls", "_nodes")

    def __init__(self, cls: type[Any], nodes: Rows) -> None:
        self._cls = cls
        self._nodes = nodes

    def one(self, row: Any) -> Any:
        """The connection."""
        if row is None:
            return None
        edges = [
            relay.Edge(cursor=edge["cursor"], node=self._nodes.one(edge["node"]))
            for edge in row["edges"]
        ]
        page = relay.PageInfo(**row["page_info"])
        return self._cls(edges=edges, page_info=page, total_count=row.get("total_count"))

    def many(self, rows: Any) -> Any:
        """The connections; no field has several."""
        return [self.one(row) for row in cast(list[Any], rows)]

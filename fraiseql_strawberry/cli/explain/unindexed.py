"""Filters and orders that no index serves, as PostgreSQL's own plan shows them.

They are looked for in the plan that PostgreSQL makes when it has to use indexes wherever it can: on
a small table it rightly scans, and that says nothing of what it will do on a large one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ...sql.write import TENANT_COLUMN

__all__ = ["HINT", "Unindexed", "unindexed"]

HINT = (
    f"An index on these columns would serve them, {TENANT_COLUMN} first where the table has it; "
    "but under row-level security none serves an operator that is not leakproof."
)

_BELOW = ("InitPlan", "SubPlan")


@dataclass(frozen=True, slots=True)
class Unindexed:
    """Something that no index serves.

    Args:
        kind: Whether rows are filtered or sorted by it.
        relation: Whose rows.
        by: The condition, or the keys, as EXPLAIN writes them.
        whole: Whether the rows of all tenants are read for it, not those of one.
    """

    kind: Literal["filter", "order"]
    relation: str
    by: str
    whole: bool = False

    def __str__(self) -> str:
        if self.kind == "order":
            return f"no index of {self.relation} gives the order {self.by}: its rows are sorted"
        rows = "every row, of whichever tenant," if self.whole else "every row of the tenant"
        return f"no index of {self.relation} serves the filter {self.by}: {rows} is looked at"


def unindexed(plan: dict[str, Any]) -> tuple[Unindexed, ...]:
    """What no index serves.

    Args:
        plan: EXPLAIN's outermost node, planned with `enable_seqscan` and `enable_sort` off.
    """
    return tuple(dict.fromkeys(_found(plan)))


def _found(node: dict[str, Any]) -> Iterator[Unindexed]:
    if node["Node Type"] == "Sort":
        relation = next(_relations(node), None)
        if relation is not None:  # a page that is read already is sorted for nothing
            yield Unindexed("order", relation, ", ".join(node["Sort Key"]))
    if "Relation Name" in node and "Filter" in node:
        yield from _filtered(node)
    for below in node.get("Plans", ()):
        yield from _found(below)


def _relations(node: dict[str, Any]) -> Iterator[str]:
    """The tables whose rows a node gives, without those of its subplans."""
    if "Relation Name" in node:
        yield node["Relation Name"]
    for below in node.get("Plans", ()):
        if below.get("Parent Relationship") not in _BELOW:
            yield from _relations(below)


def _filtered(node: dict[str, Any]) -> Iterator[Unindexed]:
    condition = node.get("Index Cond") or node.get("Recheck Cond")
    if condition is not None and not _of_the_tenant_alone(condition):
        return  # an index leads to few rows, and the rest is looked at in them
    parts = node["Filter"].split(" AND ")
    # The tenant's own filter is the policy's, not the operation's.
    own = [part for part in parts if not _names_the_tenant(part)]
    whole = condition is None and len(own) < len(parts)
    if own or whole:
        yield Unindexed("filter", node["Relation Name"], node["Filter"], whole)


def _of_the_tenant_alone(condition: str) -> bool:
    return all(map(_names_the_tenant, condition.split(" AND ")))


def _names_the_tenant(part: str) -> bool:
    return TENANT_COLUMN in part and any(sign in part for sign in (" = (", " = $", " = '"))

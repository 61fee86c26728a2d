"""Plans as trees for people."""

from __future__ import annotations

from typing import Any, cast

from rich.text import Text
from rich.tree import Tree

from .postgres import PostgresPlan

__all__ = ["plan_tree", "postgres_tree"]

# What a node of EXPLAIN says beside its name and numbers, in this order.
_DETAILS = (
    "Index Cond",
    "Recheck Cond",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "Filter",
    "One-Time Filter",
    "Rows Removed by Filter",
    "Rows Removed by Index Recheck",
    "Sort Key",
    "Sort Method",
    "Group Key",
    "Heap Fetches",
)


def plan_tree(label: str, roots: list[dict[str, Any]]) -> Tree:
    """What is read from where.

    Args:
        label: The operation.
        roots: As `described.describe` gives them.
    """
    tree = Tree(Text(label, style="bold"))
    for root in roots:
        _add_rows(tree, root)
    return tree


def _add_rows(tree: Tree, node: dict[str, Any]) -> None:
    key = f"{node['key']}: " if "key" in node else ""
    if "document" in node:
        what = "objects of" if node["rows"] == "many" else "the object"
        text = Text.assemble((key, "bold"), f"{what} ", (node["document"], "cyan"))
        _add_below(tree.add(text), node)
        return
    if "source" not in node:
        tree.add(Text(f"{key}{node.get('constant', node.get('column'))!r}"))
        return
    how = "rows of" if node["rows"] == "many" else "one row of"
    text = Text.assemble((key, "bold"), f"{how} ", (node["source"], "cyan"))
    if "where" in node:
        text.append(f" where {' and '.join(node['where'])}")
    if "order_by" in node:
        text.append(f", order by {', '.join(node['order_by'])}")
    for word in ("limit", "offset"):
        if word in node:
            text.append(f", {word} {node[word]}")
    _add_below(tree.add(text), node)


def _add_below(branch: Tree, node: dict[str, Any]) -> None:
    if "columns" in node:
        branch.add(Text(", ".join(node["columns"]), style="dim"))
    for below in node.get("below", ()):
        _add_rows(branch, below)


def postgres_tree(answer: PostgresPlan) -> Tree:
    """The nodes of EXPLAIN, and under `--analyze` what each took."""
    times = [
        f"{name} {value:.3f} ms"
        for name, value in (("planning", answer.planning_ms), ("execution", answer.execution_ms))
        if value is not None
    ]
    what = f"EXPLAIN ANALYZE: {', '.join(times)}" if times else "EXPLAIN"
    tree = Tree(Text.assemble((what, "bold"), f" ({answer.kind})"))
    _add_node(tree, answer.plan)
    return tree


def _add_node(tree: Tree, node: dict[str, Any]) -> None:
    text = Text()
    if "Subplan Name" in node:
        text.append(f"{node['Subplan Name']}: ", style="dim")
    text.append(_name(node), style="bold")
    text.append(_numbers(node), style="dim")
    branch = tree.add(text)
    for detail in _DETAILS:
        value: Any = node.get(detail)
        if value:  # "Rows Removed: 0" is no news
            shown = value if not isinstance(value, list) else ", ".join(cast("list[str]", value))
            branch.add(Text(f"{detail}: {shown}"))
    for below in node.get("Plans", ()):
        _add_node(branch, below)


def _name(node: dict[str, Any]) -> str:
    name = node["Node Type"]
    if node.get("Join Type", "Inner") != "Inner":
        name = f"{name} ({node['Join Type']})"
    if "Index Name" in node:
        name += f" using {node['Index Name']}"
    on = node.get("Relation Name") or node.get("Function Name") or node.get("CTE Name")
    if on:
        name += f" on {on}"
        if node.get("Alias", on) != on:
            name += f" {node['Alias']}"
    return name


def _numbers(node: dict[str, Any]) -> str:
    numbers = f"  cost {node['Total Cost']:.2f}, rows {node['Plan Rows']}"
    if "Actual Rows" in node:
        buffers = node.get("Shared Hit Blocks", 0) + node.get("Shared Read Blocks", 0)
        numbers += (
            f"; really {node['Actual Total Time']:.3f} ms, rows {node['Actual Rows']:g}"
            f", loops {node['Actual Loops']}, pages {buffers}"
        )
    return numbers

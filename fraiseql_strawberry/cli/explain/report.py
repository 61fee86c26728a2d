"""The whole answer, as data for scripts and on the terminal for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from .described import describe, parameters
from .lane import Choice, Planned
from .layout import laid_out
from .postgres import PostgresPlan
from .trees import plan_tree, postgres_tree
from .unindexed import HINT

__all__ = ["Seen", "report", "show"]


@dataclass(frozen=True, slots=True)
class Seen:
    """An operation as one tenant's request would run it.

    Args:
        tenant_id: The tenant.
        role: The role that asked PostgreSQL.
        choice: The lane, and the statements.
        plans: PostgreSQL's plan of each statement.
        scopes: What a token must allow.
    """

    tenant_id: str
    role: str
    choice: Choice
    plans: Sequence[PostgresPlan]
    scopes: frozenset[str]


def report(seen: Seen) -> dict[str, Any]:
    """Everything, as JSON has it."""
    choice = seen.choice
    return {
        "operation": {"name": choice.facts.name, "type": choice.facts.type},
        "lane": choice.lane,
        "reason": choice.reason,
        "tenant_id": seen.tenant_id,
        "role": seen.role,
        "scopes": sorted(seen.scopes),
        "statements": [
            {
                "field": planned.field,
                "plan": describe(planned.plan, keys=planned.field is None),
                "sql": planned.sql,
                "parameters": parameters(planned.plan, planned.args),
                "explain": {
                    "kind": answer.kind,
                    "plan": answer.plan,
                    "planning_ms": answer.planning_ms,
                    "execution_ms": answer.execution_ms,
                },
                "unindexed": [
                    {"kind": each.kind, "relation": each.relation, "by": each.by}
                    for each in answer.unindexed
                ],
            }
            for planned, answer in zip(choice.statements, seen.plans, strict=True)
        ],
    }


def show(seen: Seen, console: Console) -> None:
    """Print it for people."""
    choice = seen.choice
    lane = Text.assemble((f"{choice.lane} lane", "bold green" if choice.lane == "fast" else "bold"))
    console.print(lane.append(f": {choice.reason}", style="not bold"), soft_wrap=True)
    console.print(f"as tenant {seen.tenant_id}, role {seen.role}", markup=False, soft_wrap=True)
    if seen.scopes:
        console.print(f"needs the scopes {', '.join(sorted(seen.scopes))}", markup=False)
    if not choice.statements:
        console.print("No statement is known before it runs: its resolvers decide.")
    for planned, answer in zip(choice.statements, seen.plans, strict=True):
        console.print()
        _show_statement(planned, answer, choice, console)


def _show_statement(
    planned: Planned, answer: PostgresPlan, choice: Choice, console: Console
) -> None:
    label = planned.field or f"{choice.facts.type} {choice.facts.name or ''}".strip()
    console.print(plan_tree(label, describe(planned.plan, keys=planned.field is None)))
    console.print()
    _show_sql(laid_out(planned.sql), console)
    values = parameters(planned.plan, planned.args)
    if values:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("parameter", "type", "value"):
            table.add_column(column, overflow="fold")
        for value in values:
            table.add_row(f"${value['number']}", value["type"], Text(repr(value["value"])))
        console.print()
        console.print(table)
    console.print()
    console.print(postgres_tree(answer))
    for each in answer.unindexed:
        console.print(Text(f"warning: {each}", style="yellow"), soft_wrap=True)
    if answer.unindexed:
        console.print(HINT, markup=False, soft_wrap=True)


def _show_sql(sql: str, console: Console) -> None:
    if console.is_terminal:
        syntax = Syntax(sql, "postgresql", background_color="default", word_wrap=True)
        console.print(syntax)
    else:
        console.out(sql, highlight=False)

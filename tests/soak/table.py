"""What a soak says: a line every few seconds, and a table at its end."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from tests.soak.ledger import Outcome
from tests.soak.run import Result

__all__ = ["show_progress", "show_result"]

_console = Console(soft_wrap=True, highlight=False)


def show_progress(result: Result) -> None:
    """How far it is, how quick, and how long it will take."""
    done, wanted = result.tally.begun, result.plan.operations
    rate = done / result.seconds if result.seconds else 0.0
    left = min((wanted - done) / rate if rate else 0.0, result.plan.seconds - result.seconds)
    print(  # noqa: T201
        f"{result.plan.strategy}: {done:,} of {wanted:,} operations, {rate:,.0f}/s, "
        f"{left / 60:.1f} min left, leaks {result.ledger.leaks}, losses {result.ledger.losses}",
        file=sys.stderr,
        flush=True,
    )


def show_result(result: Result) -> None:
    """All that was counted, and the verdict."""
    tally, ledger = result.tally, result.ledger
    table = Table("operations", "begun", "as they should", "interrupted by us")
    for column in table.columns[1:]:
        column.justify = "right"
    for kind in sorted(tally.of_kind):
        counts = (tally.of_kind[kind], tally.done[kind], tally.interrupted[kind])
        table.add_row(kind, *(f"{count:,}" for count in counts))
    table.add_section()
    totals = (tally.begun, tally.done.total(), tally.interrupted.total())
    table.add_row("all", *(f"{count:,}" for count in totals))
    _console.print(table)
    rate = tally.begun / result.seconds if result.seconds else 0.0
    lines = {
        "strategy": f"{result.plan.strategy}, {result.plan.tenants} tenants, "
        f"{result.plan.clients} clients, seed {result.plan.seed}",
        "time": f"{result.seconds:,.0f} s, {rate:,.0f} operations/s",
        "disorder": _listed(result.happened),
        "answers": _listed(tally.answers),
        "writes": ", ".join(f"{n:,} {of.value}" for of, n in ledger.writes.items())
        + f" (all {Outcome.OPEN.value!r} ones were cut or cancelled: there once, or not)",
        "log lines searched": f"{result.lines:,}; errors in them: {_listed(result.raised)}",
        "leaks": f"{ledger.leaks}",
        "losses": f"{ledger.losses}",
        "successes after a suspension": f"{ledger.late}",
    }
    for name, value in lines.items():
        _console.print(f"{name}: {value}")
    for what in (*ledger.examples, *result.faults, *tally.wrong[:10]):
        _console.print(f"FAULT {what}", markup=False)
    _console.print(f"verdict: {'good' if result.good else 'NOT GOOD'}")


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))

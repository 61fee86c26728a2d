"""What became of a run: a table for people, a document for machines."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...lifecycle.migrate.report import Failure, Report, Result
from ..failures import redacted

__all__ = ["as_data", "show"]

_STOPPED = {
    "error": "stopped at the first failure; --on-error continue goes on with the others",
    "interrupt": "interrupted",
    "canary": "stopped after the first wave",
}
_SHOWN = 20


def show(report: Report, out: Console) -> None:
    """Print what was done, and a line for each failure.

    Args:
        report: The run.
        out: Where to.
    """
    failed = report.failed
    if failed:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for column in ("tenant", "at", "failed in", "why", "mend it with"):
            table.add_column(column, overflow="fold")
        for result in failed[:_SHOWN]:
            assert result.failure is not None
            table.add_row(*map(Text, _cells(result, result.failure)))
        out.print(table)
        if len(failed) > _SHOWN:
            out.print(f"… and {len(failed) - _SHOWN} more; --json lists them all")
    target = ", ".join(report.target)
    done = len(report.migrated)
    rate = f", {done / report.seconds:.0f}/s" if done and report.seconds else ""
    out.print(
        f"{done} migrated to {target}, {report.up_to_date} were there, {len(failed)} failed, "
        f"{len(report.left)} not tried; {report.seconds:.1f} s{rate}"
    )
    if report.stopped is not None:
        out.print(f"{_STOPPED[report.stopped]}. `migrate --resume` goes on.")


def _cells(result: Result, failure: Failure) -> tuple[str, ...]:
    why = redacted(failure.message)
    if failure.statement:
        why += f"\n{failure.statement}"
    if failure.attempts > 1:
        why += f"\ntried {failure.attempts} times"
    fixes = "\n".join(f"{one.rule} {one.name}: {one.fix}" for one in failure.findings)
    at = ", ".join(result.before) or "nothing"
    return (result.place.tenant, at, failure.revision or "", why, fixes)


def as_data(report: Report) -> dict[str, Any]:
    """The document of `--json`."""
    return {
        "target": list(report.target),
        "migrated": len(report.migrated),
        "up_to_date": report.up_to_date,
        "failed": len(report.failed),
        "not_tried": [place.tenant for place in report.left],
        "stopped": report.stopped,
        "seconds": round(report.seconds, 3),
        "tenants": [_result(result) for result in report.results],
    }


def _result(result: Result) -> dict[str, Any]:
    failure = result.failure
    return {
        "tenant": result.place.tenant,
        "schema": result.place.schema,
        "before": list(result.before),
        "after": list(result.after),
        "seconds": round(result.seconds, 3),
        "error": None
        if failure is None
        else {
            "message": redacted(failure.message),
            "revision": failure.revision,
            "statement": failure.statement,
            "sqlstate": failure.sqlstate,
            "attempts": failure.attempts,
            "findings": [
                {"rule": one.rule, "object": one.name, "fix": one.fix} for one in failure.findings
            ],
        },
    }

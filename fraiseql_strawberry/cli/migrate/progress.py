"""A progress bar of a run, on standard error."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ...lifecycle.migrate.plan import Plan
from ...lifecycle.migrate.report import Result

__all__ = ["RunProgress"]


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """How many tenants per second."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.0f}/s", style="dim")


class RunProgress:
    """Shows what is done, what failed, the rate and the time left; nothing where nobody looks.

    Args:
        quiet: Whether to show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._failed = 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[trouble]}"),
            console=Console(file=sys.stderr),
            disable=quiet or not sys.stderr.isatty(),
        )
        self._bar = self._progress.add_task("migrating", total=None, trouble="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def planned(self, plan: Plan) -> None:
        """So much more is to be done."""
        known = self._progress.tasks[0].total or 0
        self._progress.update(self._bar, total=known + len(plan.tasks) + len(plan.lost))

    def finished(self, result: Result) -> None:
        """A place is done, or has failed."""
        if result.failure is not None:
            self._failed += 1
            self._progress.update(self._bar, trouble=f"[red]{self._failed} failed[/red]")
            message = f"{result.place.tenant}: {result.failure.message}"
            self._progress.console.print(Text(message, style="red"))
        self._progress.advance(self._bar)

    def pause(self) -> None:
        """Leave the terminal to a question."""
        self._progress.stop()

    def resume(self) -> None:
        """Go on."""
        self._progress.start()

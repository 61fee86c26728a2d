"""What a run would say to each tenant, as SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .offline import OfflineVisit
from .places import Place, Revisions
from .plan import Task
from .replay import Script
from .rules import Rules
from .scripts import Scripts

__all__ = ["Said", "dry_run"]


@dataclass(frozen=True, slots=True)
class Said:
    """What would be said to one place.

    Args:
        place: The place.
        before: The revisions that it is at.
        pending: The revisions that would be applied.
        sql: One transaction, for people to read.
    """

    place: Place
    before: Revisions
    pending: Revisions
    sql: str


def dry_run(tasks: Sequence[Task], rules: Rules, scripts: Scripts, target: str) -> Iterator[Said]:
    """The SQL for each place, in their order; Alembic writes it once per revision to start from.

    Args:
        tasks: The places that would be migrated.
        rules: How places are migrated.
        scripts: The user's Alembic directory.
        target: The revision to go to.

    Raises:
        SetupError: A migration asks the database, so that its SQL cannot be known.
    """
    written: dict[Revisions, Script] = {}
    for task in tasks:
        script = written.get(task.before)
        if script is None:
            visit = OfflineVisit(rules, scripts, current=task.before, target=target)
            script = written[task.before] = Script(task.before, scripts.heads, [visit.enter()])
        yield Said(task.place, task.before, task.pending, script.shown(task.place, rules))

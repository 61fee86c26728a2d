"""What is to be done: which places are not where they should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import SetupError
from .places import Place, Revisions
from .report import Failure, Result
from .scripts import Scripts

__all__ = ["Plan", "Task", "make_plan"]


@dataclass(frozen=True, slots=True)
class Task:
    """One place that is to be migrated.

    Args:
        place: The place.
        before: The revisions that it is at.
        pending: The revisions that are to be applied, the first one first.
    """

    place: Place
    before: Revisions
    pending: Revisions


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Args:
        tasks: Places that are to be migrated.
        up_to_date: Places with nothing to be done.
        lost: Places at a revision that nobody knows, as results that have failed.
    """

    tasks: list[Task] = field(default_factory=list[Task])
    up_to_date: list[Place] = field(default_factory=list[Place])
    lost: list[Result] = field(default_factory=list[Result])


def make_plan(
    places: Sequence[Place], revisions: Mapping[Place, Revisions], scripts: Scripts, target: str
) -> Plan:
    """Compare where places are with where they should be.

    Args:
        places: The places.
        revisions: Where they are.
        scripts: The user's Alembic directory.
        target: The revision to go to.
    """
    plan = Plan()
    for place in places:
        before = revisions[place]
        try:
            pending = scripts.pending(before, target)
        except SetupError as error:
            plan.lost.append(Result(place, before, before, 0.0, Failure(str(error))))
            continue
        if pending:
            plan.tasks.append(Task(place, before, pending))
        else:
            plan.up_to_date.append(place)
    return plan

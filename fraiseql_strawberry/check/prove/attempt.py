"""What was tried, what was seen: the records that a proof is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

__all__ = ["Action", "Attempt", "Outcome", "Proof", "Who", "merged"]


class Action(StrEnum):
    """What an attack tries with another tenant's rows."""

    SELECT = "select"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    MOVE = "move"
    CALL = "call"
    QUERY = "query"
    CONNECT = "connect"


class Who(StrEnum):
    """As whom it tries."""

    OWN = "own tenant"
    OTHER = "other tenant"
    NONE = "no tenant"
    RANDOM = "random tenant"
    AFTER_COMMIT = "after a commit"


class Outcome(StrEnum):
    """How it ended."""

    CLOSED = "closed"
    HOLE = "hole"
    UNCLEAR = "unclear"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attack.

    Args:
        target: The table, view, function or GraphQL field.
        action: What was tried.
        who: As whom.
        outcome: How it ended.
        seen: What was seen, in a few words: never a value of a row.
        statement: The statement that was sent, with the tenant that was bound before it.
    """

    target: str
    action: Action
    who: Who
    outcome: Outcome
    seen: str
    statement: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """All attacks of a run.

    Args:
        database: The database.
        role: The application role that attacked.
        strategy: How tenants are kept apart.
        versions: Of the server, of Python, of this library.
        tenants: The two tenants.
        began: When it began.
        seconds: How long it took.
        attempts: What was tried.
        shared: Relations that hold no tenant's rows, so that nothing was tried on them.
    """

    database: str
    role: str
    strategy: str
    versions: dict[str, str]
    tenants: tuple[str, str]
    began: datetime
    seconds: float
    attempts: tuple[Attempt, ...]
    shared: tuple[str, ...] = field(default=())

    @property
    def holes(self) -> tuple[Attempt, ...]:
        """What got through."""
        return tuple(one for one in self.attempts if one.outcome is Outcome.HOLE)

    def with_attempts(self, attempts: Iterable[Attempt]) -> Proof:
        """This proof with further attacks."""
        return replace(self, attempts=(*self.attempts, *attempts))

    def count(self, outcome: Outcome) -> int:
        """How many ended so."""
        return sum(one.outcome is outcome for one in self.attempts)


_WORST = (Outcome.HOLE, Outcome.UNCLEAR, Outcome.CLOSED, Outcome.NOT_TRIED)


def merged(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Attacks on one target in both directions as one: a hole in either is a hole.

    Args:
        attempts: All of one target.
    """
    found: dict[tuple[Action, Who], Attempt] = {}
    for one in attempts:
        known = found.get((one.action, one.who))
        if known is None or _WORST.index(one.outcome) < _WORST.index(known.outcome):
            found[one.action, one.who] = one
    return list(found.values())

"""What became of the places: results, and failures that say what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sqlalchemy.exc import DBAPIError, StatementError

from ...config import redact_url
from .places import Place, Revisions

__all__ = [
    "CONTENTION",
    "MOVED",
    "NO_SCHEMA",
    "UNPROTECTED",
    "Failure",
    "Finding",
    "Report",
    "Result",
    "failure_of",
    "is_contention",
    "sqlstate",
]

UNPROTECTED = "FQ001"
NO_SCHEMA = "FQ002"
MOVED = "FQ003"
"""The errors of `sql/begin.sql` and `sql/end.sql`."""

CONTENTION = frozenset({"55P03", "40P01", "40001"})
"""lock_not_available, deadlock_detected, serialization_failure"""

_LONGEST = 500
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>`]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """What the checks at the end of a migration object to.

    Args:
        rule: The rule's id, such as "V01".
        name: The table or view.
        fix: SQL that mends it.
    """

    rule: str
    name: str
    fix: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a place is not migrated; it is as it was before.

    Args:
        message: What went wrong, in one line.
        revision: The revision that was being applied, where that is known.
        statement: The statement that failed, cut where it is long.
        findings: What the checks object to.
        sqlstate: PostgreSQL's code.
        attempts: How often it was tried.
    """

    message: str
    revision: str | None = None
    statement: str | None = None
    findings: tuple[Finding, ...] = ()
    sqlstate: str | None = None
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one place.

    Args:
        place: The place.
        before: Its revisions before.
        after: Its revisions afterwards.
        seconds: How long it took, waiting for locks included.
        failure: Why it failed, if it did.
        replayed: Whether the statements of another tenant's migration were said again.
    """

    place: Place
    before: Revisions
    after: Revisions
    seconds: float
    failure: Failure | None = None
    replayed: bool = False


@dataclass(slots=True)
class Report:
    """What became of a run.

    Args:
        target: The revisions that it went to.
        results: One for each place that was tried.
        up_to_date: How many places had nothing to be done.
        left: Places that were not tried, since it was stopped.
        stopped: Why it stopped, if it did: "error", "interrupt", "canary".
        seconds: How long it took.
    """

    target: Revisions
    results: list[Result] = field(default_factory=list[Result])
    up_to_date: int = 0
    left: list[Place] = field(default_factory=list[Place])
    stopped: str | None = None
    seconds: float = 0.0

    @property
    def migrated(self) -> list[Result]:
        """Those that went well."""
        return [result for result in self.results if result.failure is None]

    @property
    def failed(self) -> list[Result]:
        """Those that did not."""
        return [result for result in self.results if result.failure is not None]


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code of an error, below whatever wraps it."""
    while True:
        found = getattr(error, "sqlstate", None)
        if isinstance(found, str):
            return found
        inner = error.orig if isinstance(error, DBAPIError) else error.__cause__
        if inner is None:
            return None
        error = inner


def is_contention(error: BaseException) -> bool:
    """Whether a second try may go well: somebody else had a lock."""
    return sqlstate(error) in CONTENTION


def failure_of(error: BaseException, *, revision: str | None = None, attempts: int = 1) -> Failure:
    """What to tell of an error.

    Args:
        error: What was raised while a place was migrated.
        revision: The revision that was being applied.
        attempts: How often the place was tried.
    """
    code = sqlstate(error)
    statement = error.statement if isinstance(error, DBAPIError) else None
    cause = _innermost(error)
    findings: tuple[Finding, ...] = ()
    if code == UNPROTECTED:
        lines = (getattr(cause, "detail", None) or "").splitlines()
        findings = tuple(Finding(*line.split("\t", 2)) for line in lines)
        statement, revision = None, None  # it is what all of them leave behind
    elif code in (NO_SCHEMA, MOVED):
        statement = None
    return Failure(
        _redacted(_one_line(str(cause) or type(cause).__name__)),
        revision=revision,
        statement=None if statement is None else _one_line(statement),
        findings=findings,
        sqlstate=code,
        attempts=attempts,
    )


def _innermost(error: BaseException) -> BaseException:
    """The driver's own words: the wrappers add a link and the statement."""
    while isinstance(error, StatementError) and error.orig is not None:
        error = error.orig
    while type(error).__module__.startswith("sqlalchemy.") and error.__cause__ is not None:
        error = error.__cause__
    return error


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _redacted(text: str) -> str:
    return _URL.sub(lambda url: redact_url(url[0]), text)

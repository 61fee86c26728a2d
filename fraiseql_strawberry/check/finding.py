"""What a rule finds, and what a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from .facts import Facts

__all__ = ["Finding", "Found", "Rule", "Severity", "rule"]


class Severity(StrEnum):
    """How bad it is: an error leaks or can leak, a warning is a risk or slow, info is to know."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return tuple(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule function says of one object.

    Args:
        object: Its name, as people write it: `app.tb_post`.
        message: What is wrong with it.
        fix: The SQL that mends it; a comment where only people can.
        severity: Where it is not the rule's own.
    """

    object: str
    message: str
    fix: str
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of SECURITY.md's table.

    Args:
        id: Such as "T01".
        severity: Its severity, where a finding has none of its own.
        title: What it finds.
        why: Why that matters.
        strategies: The strategies it is about.
        at_startup: Whether the start of a service looks at it: rows leak while it stands.
        find: From the facts to what is wrong.
    """

    id: str
    severity: Severity
    title: str
    why: str
    strategies: frozenset[str]
    at_startup: bool
    find: Callable[[Facts], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend.

    Args:
        rule: The rule.
        severity: How bad it is.
        object: What it is about.
        message: What is wrong.
        fix: The SQL that mends it.
        place: The schema or database, where tenants have one each.
    """

    rule: Rule
    severity: Severity
    object: str
    message: str
    fix: str
    place: str | None = None

    @property
    def key(self) -> str:
        """What `--ignore` and `fraiseql.toml` name it by: `T08:app.tb_post`."""
        return f"{self.rule.id}:{self.object}"


EVERY = frozenset({"row", "schema", "database"})


def rule(
    id: str,
    severity: Severity,
    title: str,
    *,
    why: str,
    only: Iterable[str] = EVERY,
    at_startup: bool = False,
) -> Callable[[Callable[[Facts], Iterable[Found]]], Rule]:
    """Make a function from facts to what is wrong a rule.

    Args:
        id: Its number in the table.
        severity: Its severity.
        title: What it finds, in a few words.
        why: Why that matters, in a sentence.
        only: The strategies it is about.
        at_startup: Whether the start of a service looks at it.
    """

    def decorate(find: Callable[[Facts], Iterable[Found]]) -> Rule:
        return Rule(id, severity, title, why, frozenset(only), at_startup, find)

    return decorate

"""Runs the rules over facts."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .facts import Facts
from .finding import Finding, Rule
from .rules import RULES

__all__ = ["findings"]


def findings(
    facts: Facts,
    strategy: str,
    *,
    rules: Iterable[Rule] = RULES,
    ignored: Collection[str] = (),
) -> list[Finding]:
    """What the rules find, the worst first.

    Args:
        facts: What the catalog says.
        strategy: "row", "schema" or "database".
        rules: The rules to run.
        ignored: Keys of findings that are known: `T08:app.tb_post`, or a rule's id alone.
    """
    found = [
        Finding(rule, one.severity or rule.severity, one.object, one.message, one.fix)
        for rule in rules
        if strategy in rule.strategies
        for one in rule.find(facts)
    ]
    kept = [one for one in found if one.key not in ignored and one.rule.id not in ignored]
    return sorted(kept, key=lambda one: (one.severity.rank, one.rule.id, one.object))

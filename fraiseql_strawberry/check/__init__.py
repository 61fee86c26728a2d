"""The doctor: rules over the live catalog, each finding with the SQL that mends it."""

from __future__ import annotations

from .facts import Facts, read_facts
from .finding import Finding, Rule, Severity
from .rules import RULES
from .run import findings

__all__ = ["RULES", "Facts", "Finding", "Rule", "Severity", "findings", "read_facts"]

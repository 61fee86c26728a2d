"""The doctor: rules over the live catalog, each finding with the SQL that mends it."""

from __future__ import annotations

from .database import check_connection
from .facts import Facts, read_facts
from .finding import Finding, Rule, Severity
from .report import as_fix_sql, as_json, as_sarif
from .rules import RULES
from .run import findings
from .startup import refuse_unsafe_database

__all__ = [
    "RULES",
    "Facts",
    "Finding",
    "Rule",
    "Severity",
    "as_fix_sql",
    "as_json",
    "as_sarif",
    "check_connection",
    "findings",
    "read_facts",
    "refuse_unsafe_database",
]

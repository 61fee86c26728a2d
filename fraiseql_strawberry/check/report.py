"""Findings for machines: JSON, SARIF for code hosts, and one file of SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .facts import Facts
from .finding import Finding, Severity
from .rules import RULES

__all__ = ["as_fix_sql", "as_json", "as_sarif"]

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_json(facts: Facts, found: Sequence[Finding]) -> dict[str, Any]:
    """Everything, as plain data."""
    server = facts.server
    return {
        "database": server.database,
        "role": server.role,
        "postgresql": server.version_text,
        "tables": len(facts.tables),
        "counts": {one.value: sum(f.severity is one for f in found) for one in Severity},
        "findings": [
            {
                "rule": one.rule.id,
                "severity": one.severity.value,
                "object": one.object,
                "message": one.message,
                "title": one.rule.title,
                "why": one.rule.why,
                "fix": one.fix,
                "key": one.key,
            }
            for one in found
        ],
    }


def as_fix_sql(found: Sequence[Finding]) -> str:
    """The SQL that mends all findings, to be read before it is run."""
    head = "-- Written by fraiseql-strawberry check. Read it before you run it."
    parts = (
        f"-- {one.rule.id} {one.severity.value}: {one.object}: {one.message}\n{one.fix}"
        for one in found
    )
    return "\n\n".join((head, *parts)) + "\n"


def as_sarif(found: Sequence[Finding], version: str) -> dict[str, Any]:
    """Findings as code hosts read them (OASIS SARIF 2.1.0).

    Args:
        found: The findings.
        version: Of this library.
    """
    used = {one.rule.id for one in found}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "fraiseql-strawberry check",
                        "version": version,
                        "rules": [
                            {
                                "id": rule.id,
                                "shortDescription": {"text": rule.title},
                                "fullDescription": {"text": rule.why},
                                "defaultConfiguration": {"level": _LEVELS[rule.severity]},
                            }
                            for rule in RULES
                            if rule.id in used
                        ],
                    }
                },
                "results": [
                    {
                        "ruleId": one.rule.id,
                        "level": _LEVELS[one.severity],
                        "message": {"text": f"{one.object}: {one.message}\n{one.fix}"},
                        "locations": [
                            {
                                # There is no file: what is wrong is in the database. Code hosts
                                # want one all the same.
                                "physicalLocation": {
                                    "artifactLocation": {"uri": "fraiseql.toml"},
                                    "region": {"startLine": 1},
                                },
                                "logicalLocations": [{"fullyQualifiedName": one.object}],
                            }
                        ],
                        "partialFingerprints": {"finding": one.key},
                    }
                    for one in found
                ],
            }
        ],
    }

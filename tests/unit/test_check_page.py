"""`docs/reference/check.md` lists the rules as they are."""

from __future__ import annotations

import re
from pathlib import Path

from fraiseql_strawberry.check import RULES

PAGE = (Path(__file__).parents[2] / "docs/reference/check.md").read_text("utf-8")
ROWS = re.findall(
    r"^\| ([A-Z]\d\d) \| (.+?) \| (\w+) \| (.+?) \| (yes)? ?\| (.+?) \|$", PAGE, re.MULTILINE
)


def test_every_rule_is_listed_as_it_is() -> None:
    listed = [
        (
            rule.id,
            rule.title,
            rule.severity.value,
            "all" if len(rule.strategies) == 3 else ", ".join(sorted(rule.strategies)),
            "yes" if rule.at_startup else "",
            rule.why,
        )
        for rule in RULES
    ]
    assert listed == ROWS


def test_ids_are_unique() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)

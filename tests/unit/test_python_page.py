"""`docs/reference/python.md` has every public name, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import fraiseql_strawberry as fraiseql

PAGE = (Path(__file__).parents[2] / "docs/reference/python.md").read_text("utf-8")


def test_the_first_table_lists_the_public_names() -> None:
    table = PAGE.partition("| for | names |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(fraiseql.__all__)


def test_what_is_rendered_from_docstrings_is_public() -> None:
    rendered = re.findall(r"^::: fraiseql_strawberry\.(\w+)$", PAGE, re.MULTILINE)
    assert rendered
    assert set(rendered) <= set(fraiseql.__all__)

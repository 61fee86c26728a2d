"""`docs/explanation/golden-sql.md` quotes the SQL as it is, and passes over no file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "golden-sql.md").read_text(encoding="utf-8")
SQL = {path.name: path.read_text("utf-8") for path in (ROOT / "example_app/sql").glob("[1-9]*.sql")}
SECTIONS = dict(re.findall(r"^## `(\w+\.sql)`.*?\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL))


def plain(sql: str) -> str:
    """The SQL without comments, and with single spaces."""
    return " ".join(re.sub(r"--.*", "", sql).split())


def test_every_file_has_its_section() -> None:
    assert SECTIONS.keys() == SQL.keys()


@pytest.mark.parametrize("name", sorted(SQL))
def test_every_quoted_line_is_in_the_file(name: str) -> None:
    quoted = re.findall(r"^\| `(.+?)` \|", SECTIONS[name], re.MULTILINE)
    assert quoted
    assert [line for line in quoted if line not in plain(SQL[name])] == []

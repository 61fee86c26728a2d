"""`docs/reference/errors.md` says what `errors` does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fraiseql_strawberry import errors
from fraiseql_strawberry.errors import SetupError, TenancyError

PAGE = (Path(__file__).parents[2] / "docs/reference/errors.md").read_text("utf-8")
CODES = re.findall(
    r"^\| \[`([A-Z_]+)`\]\(#([a-z_]+)\) \| (\d+) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE
)
CLASSES = [getattr(errors, name) for name in errors.__all__]


def test_the_table_has_every_class_that_clients_see_once() -> None:
    in_the_table = [name for row in CODES for name in re.findall(r"`(\w+)`", row[3])]
    of_clients = [one.__name__ for one in CLASSES if issubclass(one, TenancyError)]
    assert sorted(in_the_table) == sorted(of_clients)


@pytest.mark.parametrize(
    ("code", "anchor", "status", "names", "message"), CODES, ids=[row[0] for row in CODES]
)
def test_a_row_of_the_table_is_true(
    code: str, anchor: str, status: str, names: str, message: str
) -> None:
    assert f"\n### {code}\n" in PAGE
    assert anchor == code.lower()
    for name in re.findall(r"`(\w+)`", names):
        error = getattr(errors, name)()
        assert (error.code, error.status, error.message) == (code, int(status), message)


def test_the_table_has_each_code_once() -> None:
    codes = [row[0] for row in CODES]
    known = {one.code for one in CLASSES if issubclass(one, TenancyError)}
    assert len(codes) == len(known)
    assert set(codes) == known


def test_the_errors_of_the_start_are_all_there() -> None:
    section = PAGE.partition("## Before the first request")[2]
    in_the_table = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    of_the_start = [one.__name__ for one in CLASSES if issubclass(one, SetupError)]
    assert sorted(in_the_table) == sorted(of_the_start)


def test_usage_errors_are_explained() -> None:
    section = PAGE.partition("### INTERNAL_SERVER_ERROR")[2].partition("## Before")[0]
    in_the_table = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    of_usage = [one.__name__ for one in CLASSES if issubclass(one, errors.UsageError)]
    assert sorted(in_the_table) == sorted(of_usage)

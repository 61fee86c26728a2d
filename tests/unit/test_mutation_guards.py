"""The mutation run's list is about the code as it stands."""

from __future__ import annotations

import pytest

from tests.mutation.guards import ROOT, Guard, read_guards

GUARDS = read_guards()


@pytest.mark.parametrize("guard", GUARDS, ids=[guard.name for guard in GUARDS])
def test_a_guard_is_where_the_list_says(guard: Guard) -> None:
    assert guard.is_there(), f"{guard.text!r} does not stand once in {guard.file}"
    assert guard.replacement != guard.text
    assert guard.tests
    for test in guard.tests:
        assert (ROOT / test.partition("::")[0]).is_file(), test


def test_names_tell_guards_apart() -> None:
    assert len({guard.name for guard in GUARDS}) == len(GUARDS)
    assert len({(guard.file, guard.text, guard.replacement) for guard in GUARDS}) == len(GUARDS)


def test_a_guard_that_is_gone_is_missed() -> None:
    gone = Guard("gone", "", "pyproject.toml", "nobody wrote this", "", ("tests",))
    assert not gone.is_there()
    assert not Guard("no file", "", "no/file.py", "x", "", ("tests",)).is_there()

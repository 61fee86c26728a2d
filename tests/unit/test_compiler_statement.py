"""The arguments of a statement, while its plan is built."""

from __future__ import annotations

import pytest

from fraiseql_strawberry.graphql.compiler.arguments import Computed, Given, Known
from fraiseql_strawberry.graphql.compiler.reason import SteppedAside
from fraiseql_strawberry.graphql.compiler.statement import Slots


def taken(slots: Slots) -> tuple[int, int, int]:
    return len(slots.constants), len(slots.given), len(slots.computed)


def fill(slots: Slots) -> None:
    slots.add(Known(1), int, "a")
    slots.add(Given("n"), int, "b")
    slots.add(Computed.__new__(Computed), int, "c")


def attempt(slots: Slots) -> None:
    with slots.undone_by(SteppedAside):
        fill(slots)
        raise SteppedAside("code of the application's")


def test_an_attempt_that_steps_aside_gives_its_slots_back() -> None:
    slots = Slots()
    fill(slots)
    assert taken(slots) == (3, 1, 1)
    with pytest.raises(SteppedAside):
        attempt(slots)
    assert taken(slots) == (3, 1, 1)
    assert slots.given[0][:2] == (1, "n")


def test_one_that_does_not_keeps_them() -> None:
    slots = Slots()
    with slots.undone_by(SteppedAside):
        fill(slots)
    assert taken(slots) == (3, 1, 1)

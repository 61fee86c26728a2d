from __future__ import annotations

import pytest

from fraiseql_strawberry.errors import PlacementRefused, ServiceUnavailable, TenancyError
from fraiseql_strawberry.isolation.gate import Gate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Watcher:
    def __init__(self) -> None:
        self.told: list[TenancyError] = []

    def fail_waiting(self, error: TenancyError) -> None:
        self.told.append(error)


def test_two_try_before_anything_is_known_and_all_that_may_after() -> None:
    gate = Gate(5)
    assert gate.openings == 2
    gate.begin()
    assert gate.openings == 1
    gate.passed()
    assert gate.openings == 4
    gate.end()
    assert gate.openings == 5
    assert Gate(1).openings == 1


def test_after_a_failure_nobody_tries_for_a_moment_and_then_one_does() -> None:
    clock = Clock()
    gate = Gate(5, pause=1.0, clock=clock)
    gate.passed()
    gate.failed(PlacementRefused(hint="it led elsewhere"))
    with pytest.raises(PlacementRefused, match="it led elsewhere"):
        gate.refuse()
    clock.now = 0.99
    with pytest.raises(PlacementRefused):
        gate.refuse()
    assert gate.openings == 0
    clock.now = 1.0
    gate.refuse()
    assert gate.openings == 1
    gate.begin()
    assert gate.openings == 0
    gate.passed()
    gate.end()
    gate.refuse()
    assert gate.openings == 5


def test_each_is_refused_with_an_error_of_its_own() -> None:
    gate = Gate(5)
    gate.failed(ServiceUnavailable(hint="gone"))
    errors = []
    for _ in range(2):
        with pytest.raises(ServiceUnavailable) as caught:
            gate.refuse()
        errors.append(caught.value)
    assert errors[0] is not errors[1]


def test_whoever_waits_is_told_as_long_as_it_lives() -> None:
    gate, watcher = Gate(5), Watcher()
    gate.watch(watcher)
    gate.watch(Watcher())  # gone at once
    error = ServiceUnavailable(hint="gone")
    gate.failed(error)
    assert watcher.told == [error]

from __future__ import annotations

import pytest

from fraiseql_strawberry.errors import RateLimited
from fraiseql_strawberry.request_limit import RequestLimit


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def served(limit: RequestLimit, tenant: str, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            limit.spend(tenant)
        except RateLimited:
            continue
        count += 1
    return count


def test_a_burst_and_then_the_rate(clock: Clock) -> None:
    limit = RequestLimit(10, 1.0, burst=5, clock=clock)
    assert served(limit, "a", 20) == 5
    clock.now += 0.1
    assert served(limit, "a", 20) == 1
    clock.now += 100
    assert served(limit, "a", 20) == 5
    total = 0
    for _ in range(100):
        clock.now += 0.05
        total += served(limit, "a", 3)
    assert total == 50


def test_each_tenant_has_its_own(clock: Clock) -> None:
    limit = RequestLimit(3, 60.0, clock=clock)
    assert served(limit, "a", 5) == 3
    assert served(limit, "b", 5) == 3


def test_the_error_says_when(clock: Clock) -> None:
    limit = RequestLimit(2, 60.0, clock=clock)
    limit.spend("a", 2)
    with pytest.raises(RateLimited) as refused:
        limit.spend("a")
    assert refused.value.retry_after == 30
    assert refused.value.headers == {"Retry-After": "30"}
    clock.now += 30
    limit.spend("a")


def test_several_count_as_several_and_none_of_them_where_they_do_not_fit(clock: Clock) -> None:
    limit = RequestLimit(10, 1.0, clock=clock)
    limit.spend("a", 8)
    with pytest.raises(RateLimited):
        limit.spend("a", 3)
    limit.spend("a", 2)


def test_no_more_tenants_are_remembered_than_that(clock: Clock) -> None:
    limit = RequestLimit(1, 60.0, capacity=100, clock=clock)
    for number in range(1000):
        clock.now += 0.001
        limit.spend(f"t{number}")
    assert len(limit) <= 100
    assert served(limit, "t999", 1) == 0  # the latest are not forgotten


def test_full_buckets_go_first(clock: Clock) -> None:
    limit = RequestLimit(1, 1.0, capacity=100, clock=clock)
    for number in range(60):
        limit.spend(f"old{number}")
    clock.now += 10
    for number in range(60):
        limit.spend(f"new{number}")
    assert len(limit) <= 100
    assert served(limit, "new0", 1) == 0

"""Which tenants must wait for a replica, and until when."""

from __future__ import annotations

import pytest

from fraiseql_strawberry.replicas import RecentWrites


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_who_wrote_nothing_waits_for_nothing(clock: Clock) -> None:
    writes = RecentWrites(5, clock=clock)
    writes.note("acme", 7)
    assert writes.seen_by("globex", xmin=1)
    assert writes.seen_by("globex", xmin=None)


def test_a_replica_must_be_past_the_write(clock: Clock) -> None:
    writes = RecentWrites(5, clock=clock)
    writes.note("acme", 7)
    clock.now += 1_000  # time says nothing about a replica
    assert not writes.seen_by("acme", xmin=6)
    assert not writes.seen_by("acme", xmin=7)  # 7 may still be under way there
    assert writes.seen_by("acme", xmin=8)


def test_the_latest_write_counts_in_whichever_order_they_are_committed(clock: Clock) -> None:
    writes = RecentWrites(5, clock=clock)
    for xid in (9, 7):
        writes.note("acme", xid)
    assert not writes.seen_by("acme", xmin=8)
    assert writes.seen_by("acme", xmin=10)


def test_where_only_time_tells(clock: Clock) -> None:
    writes = RecentWrites(5, clock=clock)
    writes.note("acme", 7)
    clock.now += 3
    writes.note("acme", 8)
    clock.now += 4.9
    assert not writes.seen_by("acme", xmin=None)
    clock.now += 0.1
    assert writes.seen_by("acme", xmin=None)


def test_what_is_forgotten_counts_for_everybody(clock: Clock) -> None:
    writes = RecentWrites(5, capacity=2, clock=clock)
    for xid, tenant in enumerate(("a", "b", "c"), 1):
        writes.note(tenant, xid)
    assert not writes.seen_by("a", xmin=1)
    assert not writes.seen_by("nobody", xmin=1)
    assert writes.seen_by("nobody", xmin=2)
    assert not writes.seen_by("b", xmin=2)
    clock.now += 4
    assert not writes.seen_by("nobody", xmin=None)
    clock.now += 1
    assert writes.seen_by("nobody", xmin=None)


def test_who_writes_again_is_not_the_oldest(clock: Clock) -> None:
    writes = RecentWrites(5, capacity=2, clock=clock)
    for xid, tenant in enumerate(("a", "b", "a", "c"), 1):
        writes.note(tenant, xid)
    assert writes.seen_by("nobody", xmin=3)  # b's was 2
    assert not writes.seen_by("a", xmin=3)

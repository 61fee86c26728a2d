"""The budget alone: its members here are plain numbers, the real ones are in tests/isolation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fraiseql_strawberry.isolation.budget import ConnectionBudget


class Tenant:
    """So many wait, so many connections are idle, in use, or being closed."""

    def __init__(self, budget: ConnectionBudget, share: int, name: str = "") -> None:
        self.budget, self.share, self.name = budget, share, name
        self.waiting = self.idle = self.used = self.closing = self.freed = 0
        self.overdue = False
        self.served = 0

    @property
    def waits(self) -> bool:
        return self.waiting > 0

    @property
    def wants(self) -> int:
        return min(self.waiting, self.share - self.used - self.idle - self.closing)

    def grant(self) -> None:
        assert self.waiting
        self.waiting -= 1
        self.used += 1
        self.served += 1

    def reclaim(self) -> bool:
        if self.idle:
            self.idle -= 1
            self.closing += 1
            self.budget.reclaiming()
        return self.idle > 0

    # What a pool does by itself.

    def ask(self) -> None:
        if self.idle:
            self.idle -= 1
            self.used += 1
            if not self.idle:
                self.budget.holds_none(self)
        elif not self.waiting and self.wants_one and self.budget.take():
            self.used += 1
        else:
            self.waiting += 1
            self.budget.wait_for(self)

    @property
    def wants_one(self) -> bool:
        return self.share > self.used + self.idle + self.closing

    def give_back(self) -> None:
        if not self.used:
            return
        if self.waiting and self.budget.is_owed_by(self):
            self.used -= 1
            self.closing += 1
            self.budget.reclaiming()
        elif self.waiting:
            self.waiting -= 1
            self.served += 1
        else:
            self.used -= 1
            self.idle += 1
            self.budget.holds_idle(self)

    def close_one(self) -> None:
        if self.closing:
            self.closing -= 1
            self.budget.give_back()
            self.budget.reclaimed()


def test_a_twentieth_is_kept_for_cancel_requests() -> None:
    assert [ConnectionBudget(sockets).limit for sockets in (2, 10, 40, 100)] == [1, 9, 38, 95]


def test_the_connection_that_is_idle_for_longest_makes_room() -> None:
    budget = ConnectionBudget(3)
    old, young, new = (Tenant(budget, 2, name) for name in ("old", "young", "new"))
    for tenant in (old, young):
        tenant.ask()
    for tenant in (old, young):
        tenant.give_back()
    new.ask()
    assert (old.closing, young.closing, new.used) == (1, 0, 0)
    old.close_one()
    assert (new.used, new.waiting) == (1, 0)
    assert budget.state == (2, 2, 0)


def test_as_many_are_closed_as_are_waited_for() -> None:
    budget = ConnectionBudget(10)
    others = [Tenant(budget, 1) for _ in range(9)]
    for tenant in others:
        tenant.ask()
    for tenant in others:
        tenant.give_back()
    new = Tenant(budget, 4)
    for _ in range(3):
        new.ask()
    assert sum(tenant.closing for tenant in others) == 3


def test_one_in_use_is_never_closed() -> None:
    budget = ConnectionBudget(2)
    busy, new = Tenant(budget, 1), Tenant(budget, 1)
    busy.ask()
    new.ask()
    assert (busy.used, busy.closing, new.waiting) == (1, 0, 1)
    busy.give_back()  # nobody of its own waits, so the other does not either
    busy.close_one()
    assert new.used == 1


def test_a_tenant_goes_on_with_its_own_until_others_have_waited_for_long() -> None:
    budget = ConnectionBudget(2)
    busy, new = Tenant(budget, 1), Tenant(budget, 1)
    for _ in range(3):
        busy.ask()
    new.ask()
    busy.give_back()
    assert (busy.used, busy.waiting, busy.closing) == (1, 1, 0)
    new.overdue = True
    busy.give_back()
    assert (busy.used, busy.waiting, busy.closing) == (0, 1, 1)
    busy.close_one()
    assert new.used == 1


def test_tenants_are_served_in_turn() -> None:
    budget = ConnectionBudget(2)
    first = Tenant(budget, 1)
    first.ask()
    crowd, single = Tenant(budget, 50), Tenant(budget, 50)
    for _ in range(50):
        crowd.ask()
    single.ask()
    crowd.overdue = single.overdue = True
    first.give_back()
    first.close_one()
    assert (crowd.served, single.served) == (1, 0)
    crowd.give_back()
    crowd.close_one()
    assert (crowd.served, single.served) == (1, 1)


def test_the_next_permit_is_another_tenants() -> None:
    budget = ConnectionBudget(3)
    first, crowd, single = (Tenant(budget, 50) for _ in range(3))
    for _ in range(2):
        first.ask()
    for _ in range(50):
        crowd.ask()
    single.ask()
    for _ in range(2):
        first.give_back()
        first.close_one()
    assert (crowd.served, single.served) == (1, 1)


STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "give_back", "close_one", "overdue"]), st.integers(0, 4)),
    max_size=120,
)


@given(STEPS, st.integers(2, 6))
def test_never_more_than_the_limit_and_nobody_waits_beside_a_free_permit(
    steps: list[tuple[str, int]], sockets: int
) -> None:
    budget = ConnectionBudget(sockets)
    tenants = [Tenant(budget, share) for share in (1, 1, 2, 3, 5)]
    for step, which in steps:
        tenant = tenants[which]
        if step == "overdue":
            tenant.overdue = not tenant.overdue
        else:
            getattr(tenant, step)()
        open_ = sum(one.used + one.idle + one.closing for one in tenants)
        assert open_ == budget.state.taken <= budget.limit
        for one in tenants:
            assert one.used + one.idle + one.closing <= one.share
        wanted = sum(one.wants for one in tenants)
        if wanted:
            assert open_ == budget.limit
            idle, closing = (sum(getattr(one, n) for one in tenants) for n in ("idle", "closing"))
            assert not idle or closing >= wanted
    # Whoever waits is served in the end, once the others have done.
    for _ in range(2000):
        for tenant in tenants:
            tenant.give_back()
            tenant.close_one()
    assert not any(tenant.waiting for tenant in tenants)

"""Two tenants on a pool of two, thousands of requests at a time, some of them cancelled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from tests.isolation.interleaving import Ledger, run
from tests.witness import Witness

pytestmark = pytest.mark.strategies()

REQUESTS = 5_000
WORKERS = 12


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.slow)])
async def test_none_mixed_and_none_lost(
    fresh_blog: Urls,
    fresh_witness: Witness,
    make_tenancy: Callable[..., Tenancy],
    assert_clean: Callable[[Tenancy], Awaitable[None]],
    rounds: int,
) -> None:
    async with make_tenancy(fresh_blog, database={"pool_timeout": 60.0}) as tenancy:
        for number in range(rounds):
            await fresh_witness.everywhere("TRUNCATE tb_user CASCADE")
            ledger = Ledger()
            await run(tenancy, ledger, requests=REQUESTS, workers=WORKERS, seed=number)
            await assert_clean(tenancy)
            await ledger.check_stored(fresh_witness)

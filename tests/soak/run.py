"""One soak: a fleet, a service on a real socket, clients and disorder; then a calm look at it all."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.auth import mint_token
from fraiseql_strawberry.config import Config, Strategy
from fraiseql_strawberry.metrics import Metrics
from tests.service import serving
from tests.soak.application import create_app
from tests.soak.disorder import CuttingProxy, disorder, open_proxy
from tests.soak.fleet import Fleet, open_fleet
from tests.soak.ledger import Ledger, Listener
from tests.soak.operations import Suspensions, Tally, Worker

__all__ = ["Plan", "Result", "soak"]

_SECRET = "a-secret-for-tests-that-is-long-enough-for-anyone"
_POOL, _OVERFLOW = 6, 2
_REGISTRY = {"refresh_seconds": 1, "stale_seconds": 1}
_BOUND = 3.5  # both, and a little patience


@dataclass(frozen=True)
class Plan:
    """What is wanted.

    Args:
        strategy: How tenants are kept apart.
        operations: How many there shall be.
        seconds: Or until when, if that comes first.
        tenants: How many.
        clients: How many at a time.
        seed: Of what is random.
        sabotage: Called with the tenancy before the first request, to see the soak fail.
    """

    strategy: Strategy
    operations: int
    seconds: float
    tenants: int = 6
    clients: int = 24
    seed: int = 0
    sabotage: Callable[[Tenancy], None] | None = None


@dataclass
class Result:
    """What was found."""

    plan: Plan
    ledger: Ledger
    tally: Tally = field(default_factory=Tally)
    happened: Counter[str] = field(default_factory=Counter[str])
    seconds: float = 0.0
    lines: int = 0
    raised: Counter[str] = field(default_factory=Counter[str])
    faults: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether there is nothing to report."""
        nothing = not (self.ledger.leaks or self.ledger.losses or self.ledger.late)
        return nothing and not self.faults and not self.tally.wrong


async def soak(admin_url: str, plan: Plan, progress: Callable[[Result], None]) -> Result:
    """Run one.

    Args:
        admin_url: A superuser of a server.
        plan: What is wanted.
        progress: Told every few seconds how far it is.
    """
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(open_proxy(admin_url))
        fleet = await stack.enter_async_context(
            open_fleet(admin_url, plan.strategy, count=plan.tenants, port=proxy.port)
        )
        result = Result(plan, Ledger(fleet.tenants))
        metrics = Metrics()
        tenancy = _tenancy(fleet, proxy, metrics)
        listener = Listener(result.ledger)
        _listen(listener)
        async with serving(create_app(tenancy, metrics)) as service:
            _listen(listener)  # uvicorn has set its own
            if plan.sabotage is not None:
                plan.sabotage(tenancy)
            port = urlsplit(service.url).port or 0
            await _run(result, fleet, proxy, port, progress)
            await _look_at_pools(result, fleet, tenancy)
            answer = await service.get("/metrics")
            result.ledger.look(answer.text, None, "the metrics")
        result.lines, result.raised = listener.lines, listener.raised
        result.ledger.settle({tenant: await fleet.stored(tenant) for tenant in fleet.tenants})
    return result


def _tenancy(fleet: Fleet, proxy: CuttingProxy, metrics: Metrics) -> Tenancy:
    url = proxy.through(fleet.urls.app_url)
    routing: dict[str, Any] = dict(_REGISTRY)
    tenants: dict[str, Any] = {
        "strategy": fleet.urls.strategy,
        "id_type": "uuid",
        "routing": routing,
    }
    if fleet.urls.strategy == "database":
        # Fewer connections than tenants want, and short idle times: engines come and go.
        routing |= {"max_connections": 8, "connections_per_tenant": 2, "idle_seconds": 0.2}
    else:
        tenants["tenants_table"] = "fraiseql.tenants"
    config = Config.from_env(
        {"DATABASE_URL": url, "REGISTRY_DATABASE_URL": url, "JWT_SECRET": _SECRET}
    ).override(
        database={"pool_size": _POOL, "max_overflow": _OVERFLOW, "pool_timeout": 10},
        multitenancy=tenants,
    )
    return Tenancy(config, observers=[metrics])


def _listen(listener: Listener) -> None:
    for name in ("", "uvicorn"):
        logging.getLogger(name).handlers = [listener]


async def _run(
    result: Result,
    fleet: Fleet,
    proxy: CuttingProxy,
    port: int,
    progress: Callable[[Result], None],
) -> None:
    plan, began = result.plan, monotonic()
    suspensions = Suspensions(_BOUND)
    random = Random(plan.seed)
    tokens = {tenant: mint_token(_SECRET, tenant=str(tenant), user="u") for tenant in fleet.tenants}

    def worker(tally: Tally, *, calm: bool) -> Worker:
        return Worker(
            port,
            ledger=result.ledger,
            tally=tally,
            suspensions=suspensions,
            tokens=tokens,
            random=random,
            calm=calm,
        )

    async def work() -> None:
        one = worker(result.tally, calm=False)
        while result.tally.begun < plan.operations and monotonic() - began < plan.seconds:
            await one.step()
        one.http.close()

    async def tell() -> None:
        while True:
            await asyncio.sleep(5)
            result.seconds = monotonic() - began
            progress(result)

    telling = asyncio.create_task(tell())
    try:
        async with disorder(fleet, proxy, suspensions, random) as result.happened:
            async with asyncio.TaskGroup() as group:
                for _ in range(plan.clients):
                    group.create_task(work())
    finally:
        telling.cancel()
    result.seconds = monotonic() - began
    await asyncio.sleep(sum(_REGISTRY.values()) + 0.5)  # the last suspension is forgotten
    await _calm(result, worker(Tally(), calm=True), fleet.tenants)


async def _calm(result: Result, worker: Worker, tenants: tuple[UUID, ...]) -> None:
    """Once the disorder is over, everything works for everybody."""
    for _ in range(100):
        await worker.step()
    worker.http.close()
    if worker.tally.wrong:
        result.faults += worker.tally.wrong
    failed = worker.tally.of_kind - worker.tally.done
    failed.pop("read back", None)  # somebody may have nothing yet
    failed.pop("another's id", None)
    if failed:
        result.faults.append(f"in the calm at the end these failed: {dict(failed)}")


async def _look_at_pools(result: Result, fleet: Fleet, tenancy: Tenancy) -> None:
    """No connection is held or lost, and each pool gives all that it has."""
    for tenant in fleet.tenants:
        async with tenancy.isolation.engine(str(tenant)) as engine:
            pool: Any = engine.pool
            deadline = monotonic() + 5
            while pool.checkedout() and monotonic() < deadline:
                await asyncio.sleep(0.01)
            if pool.checkedout():
                result.faults.append(f"{pool.checkedout()} connections were not given back")
            async with AsyncExitStack() as stack:
                for _ in range(pool.size()):
                    await stack.enter_async_context(engine.connect())
    if busy := await fleet.connections(state="idle in transaction"):
        result.faults.append(f"{busy} transactions were left open")
    most = 8 if fleet.urls.strategy == "database" else _POOL + _OVERFLOW
    if (count := await fleet.connections()) > most:
        result.faults.append(f"there are {count} connections, and {most} are allowed")

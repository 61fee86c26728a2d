"""What seals cost: the same compiled reads, with the bare tenant and with its seal.

Prints microseconds of one connection, one after the other, and their ratio: the medians of rounds
that take turns, so that what else the machine does hits both.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from terminal import show

sys.path.insert(0, str(Path(__file__).parents[2]))

from sqlalchemy import text

from example_app.data import ACME
from example_app.database import Urls, clone, drop, template
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.config import Config
from fraiseql_strawberry.embedded import open_server
from tests.sealing import SEALED, seal_blog

ROUNDS, CALLS, WARM = 21, 200, 400
Call = Callable[[], Awaitable[Any]]


class _Query:
    def __init__(self, sql: str) -> None:
        self._sql, self.args = sql, ()

    def sql(self, schema: str | None = None) -> str:
        return self._sql


def calls_of(tenancy: Tenancy) -> dict[str, Call]:
    """The round trip alone, and a session with a read; both without Strawberry."""
    tenant = str(ACME)
    page = _Query(
        "SELECT json_agg(p) FROM (SELECT id, title FROM v_post ORDER BY created_at DESC LIMIT 20) AS p"
    )
    one = _Query("SELECT 'nothing'")

    async def session() -> None:
        async with tenancy.as_tenant(tenant), tenancy.session() as opened:
            await opened.execute(text("SELECT title FROM v_post LIMIT 1"))

    return {
        "fast lane, no policy looks": lambda: tenancy.isolation.read(tenant, one),
        "fast lane, 20 posts": lambda: tenancy.isolation.read(tenant, page),
        "session, one read": session,
    }


async def timed(call: Call) -> float:
    began = time.perf_counter()
    for _ in range(CALLS):
        await call()
    return (time.perf_counter() - began) / CALLS * 1e6


async def compare(plain: Tenancy, sealed: Tenancy) -> None:
    show(
        f"{'':<28}{'plain':>10}{'sealed':>10}{'ratio':>8}   µs, medians of {ROUNDS} rounds of {CALLS}"
    )
    both = calls_of(plain), calls_of(sealed)
    for name in both[0]:
        for calls in both:
            for _ in range(WARM):
                await calls[name]()
        rounds = [(await timed(both[0][name]), await timed(both[1][name])) for _ in range(ROUNDS)]
        left, right = (statistics.median(one) for one in zip(*rounds, strict=True))
        show(f"{name:<28}{left:>10.0f}{right:>10.0f}{right / left:>8.2f}")


def tenancy_of(urls: Urls, multitenancy: dict[str, Any]) -> Tenancy:
    config = Config.from_env({"DATABASE_URL": urls.app_url, "JWT_SECRET": "s" * 32})
    return Tenancy(
        config.override(database={"pool_size": 1, "max_overflow": 0}, multitenancy=multitenancy)
    )


async def main(admin_url: str) -> None:
    made = await template(admin_url)
    plain, sealed = [await clone(made, f"bench_{uuid4().hex[:8]}") for _ in range(2)]
    try:
        await seal_blog(sealed)
        async with tenancy_of(plain, {}) as one, tenancy_of(sealed, SEALED) as other:
            await compare(one, other)
    finally:
        for urls in (plain, sealed):
            await drop(urls)


if __name__ == "__main__":
    with open_server() as server:
        asyncio.run(main(server.admin_url()))

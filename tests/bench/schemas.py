"""Two thousand schemas beside two thousand tenants in one: `python tests/bench/schemas.py`.

What does a warm read of a random tenant cost, and how much private memory has a back-end then?
Both databases hold the same rows; both services are this library, with one word of configuration
changed.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import secrets
import statistics
import sys
from contextlib import AsyncExitStack
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

import asyncpg  # noqa: E402
import dataset  # noqa: E402
import uvloop  # noqa: E402
from contestants import CONTESTANTS, running  # noqa: E402
from dataset import Size, Tenant  # noqa: E402
from kinds import Request, raw_stream, tokens  # noqa: E402
from load import Load  # noqa: E402
from machine import Layout, children, cpu_seconds, private_bytes  # noqa: E402
from postgres import Postgres, opened  # noqa: E402
from terminal import say, show  # noqa: E402

from example_app import database  # noqa: E402
from example_app.urls import locate  # noqa: E402
from fraiseql_strawberry.auth import mint_token  # noqa: E402

DOCUMENTS = {
    "20 rows": "{ posts(limit: 20) { id title published createdAt } }",
    "two levels": "{ posts(limit: 20) { id title author { name } comments(limit: 3) { content } } }",
}
SQL = Path(__file__).with_name("sql").joinpath("tenant_schema.sql").read_text("utf-8")
ROWS, SCHEMAS = "fraiseql_bench_many_rows", "fraiseql_bench_many_schemas"
POOL = 10


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser("python tests/bench/schemas.py", description=__doc__)
    parser.add_argument("--schemas", type=int, default=2000)
    parser.add_argument("--posts", type=int, default=50, help="of each tenant")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32, help="of the load generator")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "fraiseql-bench")
    options = parser.parse_args()
    layout = Layout.of_machine()
    os.sched_setaffinity(0, layout.load)
    uvloop.run(run(options, layout))


async def run(options: argparse.Namespace, layout: Layout) -> None:
    """Load what is not there, start both, measure in turn, print the ratios."""
    size = Size(options.schemas, 5, options.posts, 1)
    tenants = [Tenant(10_000 + number, size) for number in range(options.schemas)]
    secret = secrets.token_urlsafe(48)
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(opened(options.cache, layout))
        await load(postgres, tenants)
        services = {}
        for strategy, name in (("row", ROWS), ("schema", SCHEMAS)):
            environment = {
                "DATABASE_URL": locate(postgres.urls.server_url, name).app_url,
                "JWT_SECRET": secret,
                "POOL_SIZE": str(POOL),
                "STRATEGY": strategy,
            }
            one = running(CONTESTANTS["fast"], environment, layout, options.cache)
            services[strategy] = await stack.enter_async_context(one)
        token = tokens(secret, mint_token)
        for title, document in DOCUMENTS.items():
            await measure(title, document, tenants, services, postgres, token, options)
        backends = [each for each in children(postgres.pid) if private_bytes(each) > 2**20]
        show(f"largest back-end: {max(map(private_bytes, backends)) / 2**20:.0f} MB private")


async def measure(title, document, tenants, services, postgres, token, options) -> None:
    """The cost of one document for random tenants, warm."""
    streams = {}
    for strategy, service in services.items():
        chance = random.Random(title)
        every = [Request(tenant, 1, {"query": document}) for tenant in tenants]
        chosen = [Request(t, 1, {"query": document}) for t in chance.choices(tenants, k=5_000)]
        streams[strategy] = itertools.cycle(raw_stream(chosen, token))
        say(f"warming: {strategy}, {title}")
        async with Load(service.port, options.connections) as warm:
            for _ in range(8):  # each tenant, on each connection that may serve it
                await warm.run(iter(raw_stream(every, token)), 1e9)
            await warm.run(streams[strategy], options.seconds)
    ratios: list[tuple[float, float]] = []
    for round_ in range(options.rounds):
        found = {}
        for strategy in list(services) if round_ % 2 else list(services)[::-1]:
            service = services[strategy]
            async with Load(service.port, options.connections) as client:
                await client.run(streams[strategy], options.seconds / 5)
                server, database_ = cpu_seconds(service.pid), postgres.cpu_seconds()
                outcome = await client.run(streams[strategy], options.seconds)
                found[strategy] = (
                    (cpu_seconds(service.pid) - server) / outcome.requests,
                    (postgres.cpu_seconds() - database_) / outcome.requests,
                )
        ratios.append(tuple(b / a for a, b in zip(found["row"], found["schema"], strict=True)))
        line = "; ".join(
            f"{name}: server {server * 1e6:,.0f} µs, PostgreSQL {pg * 1e6:,.0f} µs"
            for name, (server, pg) in found.items()
        )
        say(line)
    server, pg = (statistics.median(column) for column in zip(*ratios, strict=True))
    show(f"{title}: schema / row: server {server:.2f}, PostgreSQL {pg:.2f}")


async def load(postgres: Postgres, tenants: list[Tenant]) -> None:
    """Make both databases, once."""
    url = postgres.urls.server_url
    mark = f"{len(tenants)} x {tenants[0].size.posts}"
    for name, fill in ((ROWS, fill_rows), (SCHEMAS, fill_schemas)):
        server = await asyncpg.connect(url)
        found = await server.fetchval(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1", name
        )
        await server.close()
        if found == mark:
            continue
        say(f"loading: {name}")
        await database.drop(locate(url, name))
        urls = await database.prepare(url, database=name, progress=say)
        await fill(urls, tenants)
        admin = await asyncpg.connect(urls.admin_url)
        await admin.execute("VACUUM (FREEZE, ANALYZE)")
        await admin.execute(f"COMMENT ON DATABASE {name} IS '{mark}'")
        await admin.close()


async def fill_rows(urls, tenants: list[Tenant]) -> None:
    """All tenants in the blog's own tables."""
    connection = await asyncpg.connect(urls.migrator_url)
    await dataset.load_tenants(connection, tenants)
    await connection.close()


async def fill_schemas(urls, tenants: list[Tenant]) -> None:
    """A schema for each, its rows copied from where `fill_rows` put them."""
    await fill_rows(urls, tenants)
    connection = await asyncpg.connect(urls.migrator_url)
    for number, tenant in enumerate(tenants):
        schema = f"tenant_{tenant.id.replace('-', '')}"
        async with connection.transaction():
            await connection.execute(SQL.format(schema=schema))
            for table, columns in (
                ("tb_user", "id, name, email"),
                ("tb_post", "id, user_id, title, content, published, created_at"),
                ("tb_comment", "id, post_id, user_id, content, created_at"),
            ):
                await connection.execute(
                    f"INSERT INTO {schema}.{table} ({columns}) SELECT {columns} FROM app.{table} "
                    f"WHERE tenant_id = '{tenant.id}'"
                )
        if number % 200 == 0:
            say(f"{number} schemas")
            await asyncio.sleep(0)
    await connection.close()


if __name__ == "__main__":
    main()

"""The bench: `nox -s bench`, or `python tests/bench`; options follow (`--help`).

It makes the database, starts the contestants in pinned processes, checks that they give the same
answers, measures them in interleaved rounds, and prints what it found.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from contextlib import AsyncExitStack
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

import uvloop  # noqa: E402
from contestants import CONTESTANTS, PGBENCH, Service, Unavailable, running  # noqa: E402
from deep import measure_deep  # noqa: E402
from growth import measure_growth  # noqa: E402
from kinds import KINDS, tokens  # noqa: E402
from lanes import lanes_taken  # noqa: E402
from load import LoadError  # noqa: E402
from machine import Layout  # noqa: E402
from measure import Track  # noqa: E402
from memory import measure_memory  # noqa: E402
from pgbench import PgBench  # noqa: E402
from plot import draw_cost, draw_growth  # noqa: E402
from postgres import Postgres, opened  # noqa: E402
from results import Results, about_machine  # noqa: E402
from tables import markdown, text, write_into  # noqa: E402
from terminal import say, show  # noqa: E402

from fraiseql_strawberry.auth import mint_token  # noqa: E402
from fraiseql_strawberry.errors import SetupError  # noqa: E402

POOL = 10  # database connections of each contestant
DOCS = Path(__file__).parents[2] / "docs" / "explanation"


def main() -> int:
    """Run the bench; returns the exit code."""
    options = read_options()
    if options.from_json:
        report(Results.read(options.from_json), options)
        return 0
    layout = Layout.of_machine()
    os.sched_setaffinity(0, layout.load)
    try:
        report(uvloop.run(run(options, layout)), options)
    except (SetupError, LoadError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        return 130
    return 0


def read_options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser("python tests/bench", description=__doc__)
    add = parser.add_argument
    add("--kinds", type=names_of(KINDS), default=list(KINDS), help=", ".join(KINDS))
    add(
        "--contestants",
        type=names_of(CONTESTANTS),
        default=list(CONTESTANTS),
        help=", ".join(CONTESTANTS),
    )
    add("--seconds", type=float, default=2.0, help="of each measurement")
    add("--rounds", type=int, default=5)
    add("--quick", action="store_true", help="a smoke run: do not trust its numbers")
    add("--no-growth", action="store_true", help="leave rows by levels out")
    add("--no-memory", action="store_true", help="leave the distinct documents out")
    add("--no-deep", action="store_true", help="leave the pages of a million rows out")
    add("--json", type=Path, metavar="FILE", help="write the results there")
    add("--from-json", type=Path, metavar="FILE", help="measure nothing, show these results")
    add("--docs", action="store_true", help=f"write charts and tables into {DOCS.name}/")
    add("--pg-bin", type=Path, metavar="DIR", help="where pgbench is")
    add("--cache", type=Path, metavar="DIR", default=default_cache(), help="default: %(default)s")
    add("--connections", type=int, default=32, help="of the load generator")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.rounds, options.connections = 0.2, 1, 8
    return options


def names_of(known: dict[str, object]):
    """A parser for a list of known names."""

    def parse(value: str) -> list[str]:
        names = value.split(",")
        if wrong := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{wrong[0]!r} is none of {', '.join(known)}")
        return names

    return parse


def default_cache() -> Path:
    """Where the data and PostGraphile stay between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "fraiseql-strawberry-bench")


async def run(options: argparse.Namespace, layout: Layout) -> Results:
    """Measure all that the options ask for."""
    results = Results(about_machine())
    secret = secrets.token_urlsafe(48)
    token = tokens(secret, mint_token)
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(opened(options.cache, layout))
        results.about |= {
            "postgresql": postgres.version,
            "layout": str(layout),
            "rounds": options.rounds,
            "seconds": options.seconds,
            "connections": options.connections,
            "pool": POOL,
        }
        say(f"PostgreSQL {postgres.version}; {layout}")
        environment = {
            "DATABASE_URL": postgres.urls.app_url,
            "JWT_SECRET": secret,
            "POOL_SIZE": str(POOL),
        }
        if "fast" in options.contestants:
            lanes = await lanes_taken(options.kinds, environment, layout, options.cache, token)
            results.about["lanes"] = lanes
        services, pgbench = await start(stack, options, layout, postgres, environment, results)
        track = Track(postgres, services, pgbench, token, options.connections)
        for name in options.kinds:
            say(f"measuring: {KINDS[name].title}")
            results.measurements += await track.run(
                KINDS[name], rounds=options.rounds, seconds=options.seconds
            )
        if not options.no_growth:
            say("measuring: rows and levels")
            results.growth = await measure_growth(
                services,
                postgres,
                token,
                seconds=options.seconds / 2,
                largest=100 if options.quick else 1000,
            )
        if not options.no_deep and "fast" in services:
            say("measuring: pages of a million rows")
            results.deep = await measure_deep(
                services["fast"], postgres, token, seconds=options.seconds
            )
        if not options.no_memory:
            say("measuring: memory over distinct documents")
            documents = 400 if options.quick else 10_000
            results.memory = await measure_memory(services, postgres, token, documents)
    return results


async def start(
    stack: AsyncExitStack,
    options: argparse.Namespace,
    layout: Layout,
    postgres: Postgres,
    environment: dict[str, str],
    results: Results,
) -> tuple[dict[str, Service], PgBench | None]:
    """Start the contestants; who cannot run is skipped, and the results say why."""
    services: dict[str, Service] = {}
    pgbench: PgBench | None = None
    for name in options.contestants:
        try:
            if name == PGBENCH:
                pgbench = PgBench.find(options.pg_bin, postgres.urls.app_url, POOL, layout)
                continue
            service = running(CONTESTANTS[name], environment, layout, options.cache)
            services[name] = await stack.enter_async_context(service)
        except Unavailable as reason:
            results.skipped[name] = str(reason)
            say(f"skipped: {name}: {reason}")
    return services, pgbench


def report(results: Results, options: argparse.Namespace) -> None:
    """Print the tables, and write the files that were asked for."""
    show(f"\n{text(results)}")
    if options.json:
        results.write(options.json)
    if options.docs:
        draw_cost(results, DOCS / "bench.svg")
        draw_growth(results, DOCS / "bench-growth.svg")
        write_into(DOCS / "performance.md", markdown(results))


if __name__ == "__main__":
    sys.exit(main())

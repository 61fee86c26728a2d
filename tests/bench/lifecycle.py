"""What the life of a tenant costs: `python tests/bench/lifecycle.py`.

New tenants beside `psql` with the same SQL, a thousand schemas that are migrated, and a large
tenant in and out of a file. On a PostgreSQL of its own, which waits for the disk at each commit.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

import asyncpg  # noqa: E402
from lives.archives import measure_archives  # noqa: E402
from lives.fleet import make_fleet, measure_fleet  # noqa: E402
from lives.outcome import Outcome  # noqa: E402
from lives.project import new_project  # noqa: E402
from lives.provision import measure_databases, measure_schemas  # noqa: E402
from tables import aligned, piped, write_into  # noqa: E402
from terminal import say, show  # noqa: E402

from fraiseql_strawberry.embedded import EmbeddedPostgres, open_server  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "tenant-lifecycle.md"
COMMAND = "python tests/bench/lifecycle.py --docs"
HEAD = ("", "wanted", "measured", "")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser("python tests/bench/lifecycle.py", description=__doc__)
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS))
    parser.add_argument("--tables", type=int, default=20, help="of a new tenant")
    parser.add_argument("--tenants", type=int, default=40, help="new ones of each kind")
    parser.add_argument("--schemas", type=int, default=1000, help="of the fleet")
    parser.add_argument("--fleet-tables", type=int, default=5, help="in each of them")
    parser.add_argument("--rounds", type=int, default=3, help="of the fleet")
    parser.add_argument("--megabytes", type=int, default=1000, help="of the large tenant")
    parser.add_argument("--quick", action="store_true", help="a smoke run of small numbers")
    parser.add_argument("--docs", action="store_true", help=f"write them into {PAGE.name}")
    options = parser.parse_args()
    if options.quick:
        options.tenants, options.schemas, options.rounds, options.megabytes = 5, 40, 1, 8
    if unknown := [part for part in options.parts if part not in PARTS]:
        parser.error(f"--parts: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    server = open_server()
    if isinstance(server, EmbeddedPostgres):
        server = EmbeddedPostgres(durable=True, settings={"max_wal_size": "4GB"})
    with server:
        outcomes, about = asyncio.run(run(options, server.admin_url()))
    rows = [HEAD, *(outcome.row() for outcome in outcomes)]
    show(f"\n{about}\n\n{aligned(rows)}")
    if options.docs:
        write_into(PAGE, f"{about}\n\n{piped(rows)}", command=COMMAND)


async def run(options: argparse.Namespace, url: str) -> tuple[list[Outcome], str]:
    """Measure what is wanted; returns the lines, and where they were measured."""
    outcomes: list[Outcome] = []
    for part in options.parts:
        with tempfile.TemporaryDirectory(prefix="fraiseql-bench-") as name:
            say(f"{part} …")
            outcomes += await PARTS[part](options, url, Path(name))
    return outcomes, await about_machine(url)


async def schemas(options: argparse.Namespace, url: str, folder: Path) -> Iterable[Outcome]:
    """New schemas."""
    async with new_project(
        url, folder / "project", strategy="schema", tables=options.tables
    ) as project:
        return await measure_schemas(project, folder, rounds=options.tenants)


async def databases(options: argparse.Namespace, url: str, folder: Path) -> Iterable[Outcome]:
    """New databases."""
    async with new_project(
        url, folder / "project", strategy="database", tables=options.tables
    ) as project:
        return await measure_databases(project, rounds=options.tenants)


async def fleet(options: argparse.Namespace, url: str, folder: Path) -> Iterable[Outcome]:
    """Many schemas."""
    tables = options.fleet_tables
    async with new_project(url, folder / "project", strategy="schema", tables=tables) as project:
        names = await make_fleet(project, options.schemas)
        return await measure_fleet(project, names, folder, rounds=options.rounds)


async def archives(options: argparse.Namespace, url: str, folder: Path) -> Iterable[Outcome]:
    """A large tenant."""
    async with new_project(url, folder / "project", strategy="schema", tables=1) as project:
        return await measure_archives(project, folder, megabytes=options.megabytes)


Part = Callable[[argparse.Namespace, str, Path], Awaitable[Iterable[Outcome]]]
PARTS: dict[str, Part] = {
    "schemas": schemas,
    "databases": databases,
    "fleet": fleet,
    "archives": archives,
}


async def about_machine(url: str) -> str:
    """Where it was measured, in one sentence."""
    connection = await asyncpg.connect(url)
    version, fsync = await connection.fetchrow(
        "SELECT current_setting('server_version'), current_setting('fsync')"
    )
    await connection.close()
    return (
        f"Measured {time.strftime('%Y-%m-%d')} on {len(os.sched_getaffinity(0))} processors "
        f"({platform.system()} {platform.release()}), PostgreSQL {version} (fsync {fsync}), Python "
        f"{platform.python_version()}."
    )


if __name__ == "__main__":
    main()

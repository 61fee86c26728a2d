"""The soak: `nox -s soak -- …`, or `python tests/soak`; options follow (`--help`).

Tenants of a service do everything at once, on real sockets, while connections are cut and
terminated, requests are cancelled, engines evicted and tenants suspended. At the end no answer, no
log line and no table may hold another tenant's row, and every acknowledged write must be there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2])]

import uvloop  # noqa: E402

from fraiseql_strawberry.embedded import open_server  # noqa: E402
from tests.soak.run import Plan, soak  # noqa: E402
from tests.soak.sabotage import SABOTAGE  # noqa: E402
from tests.soak.table import show_progress, show_result  # noqa: E402


def main() -> int:
    """Run as the options say; returns the exit code."""
    options = read_options()
    good = True
    with open_server() as server:
        for strategy in options.strategy:
            plan = Plan(
                strategy,
                operations=options.operations,
                seconds=options.seconds,
                tenants=options.tenants,
                clients=options.clients,
                seed=options.seed,
                sabotage=SABOTAGE.get(options.without),
            )
            result = uvloop.run(soak(server.admin_url(), plan, show_progress))
            show_result(result)
            good = good and result.good
    return 0 if good else 1


def read_options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser("python tests/soak", description=__doc__)
    add = parser.add_argument
    every = ["row", "schema", "database"]
    add("--strategy", choices=every, action="append", help="may be repeated; default: all")
    add("--operations", type=int, default=1_000_000, help="of each strategy")
    add("--seconds", type=float, default=86_400.0, help="of each strategy, at most")
    add("--tenants", type=int, default=6)
    add("--clients", type=int, default=24)
    add("--seed", type=int, default=0)
    add("--without", choices=list(SABOTAGE), help="a guard to take out: the soak must notice")
    options = parser.parse_args()
    options.strategy = options.strategy or every
    return options


if __name__ == "__main__":
    sys.exit(main())

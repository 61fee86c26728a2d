"""The mutation run: `nox -s mutation`, or `python tests/mutation`; options follow (`--help`).

Takes out each guard of `guards.toml`, one at a time, on a copy of the project, and runs the tests
that must notice. What is known is kept in a file and not run again until the guard, its module or
its tests change.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2])]

from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from fraiseql_strawberry.embedded import open_server  # noqa: E402
from tests.mutation.guards import ROOT, Guard, read_guards  # noqa: E402
from tests.mutation.runs import Copy  # noqa: E402

SURVIVED = "SURVIVED"


def main() -> int:
    """Run what is not known yet; returns the exit code."""
    options = read_options()
    guards = [guard for guard in read_guards() if not options.only or options.only in guard.name]
    if lost := [guard.name for guard in guards if not guard.is_there()]:
        sys.exit(f"error: these are no longer in their files: {', '.join(lost)}")
    known: dict[str, Any] = json.loads(options.state.read_text()) if options.state.exists() else {}
    keys = {guard.name: guard.key() for guard in guards}  # of the files that are copied now
    wanted = [guard for guard in guards if keys[guard.name] not in known]
    if wanted:
        with open_server() as server, Copy.made(server.admin_url()) as copy:
            if not options.trust:
                refuse_failing(copy, wanted)
            run(copy, wanted, keys, known, options.state)
    return report(guards, {guard.name: known[keys[guard.name]]["noticed"] for guard in guards})


def refuse_failing(copy: Copy, guards: list[Guard]) -> None:
    """A test that fails anyway notices nothing."""
    tests = sorted({test for guard in guards for test in guard.tests})
    say(f"{len(tests)} files of tests, with every guard in place")
    if failed := copy.failing(tests):
        sys.exit(f"error: this test fails with every guard in place: {failed}")


def run(
    copy: Copy, guards: list[Guard], keys: dict[str, str], known: dict[str, Any], state: Path
) -> None:
    """Take them out, one after the other; each outcome is kept at once."""
    began = time.monotonic()
    for number, guard in enumerate(guards, 1):
        started = time.monotonic()
        with copy.without(guard):
            noticed = copy.failing(guard.tests)
        known[keys[guard.name]] = {"guard": guard.name, "noticed": noticed}
        state.write_text(json.dumps(known, indent=1))
        now = time.monotonic()
        left = (now - began) / number * (len(guards) - number) / 60
        say(
            f"{number}/{len(guards)} {guard.name}: {noticed or SURVIVED} "
            f"({now - started:.0f} s, {left:.1f} min left)"
        )


def report(guards: list[Guard], outcomes: dict[str, str | None]) -> int:
    """The table, and 1 where a guard was not missed."""
    table = Table("guard", "stands in", "noticed by")
    survived = 0
    for guard in guards:
        noticed = outcomes[guard.name]
        survived += noticed is None
        table.add_row(guard.name, guard.file, noticed or SURVIVED)
    console = Console(highlight=False, width=200 if not sys.stdout.isatty() else None)
    console.print(table)
    console.print(f"{len(guards)} guards: {len(guards) - survived} noticed, {survived} survived")
    return 1 if survived else 0


def say(line: str) -> None:
    """Print at once, beside the table."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def read_options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser("python tests/mutation", description=__doc__)
    add = parser.add_argument
    add("--state", type=Path, default=ROOT / ".mutation.json", help="default: %(default)s")
    add("--only", metavar="TEXT", help="guards whose names hold this")
    add("--trust", action="store_true", help="do not run the tests with every guard in place")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""A large tenant goes into a file, comes back under another id, and is deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
from terminal import say

from .outcome import Outcome
from .project import Project
from .watching import watched

__all__ = ["measure_archives"]

_MIB = 2**20
_MORE = 64 * _MIB  # what a large tenant may take above a small one
# A thousand bytes that do not shrink to nothing.
_FILL = """
INSERT INTO "{schema}".tb_0 (name, about)
SELECT 'row ' || n, (SELECT string_agg(md5(n::text || m), '') FROM generate_series(1, 29) AS m)
FROM generate_series(1, $1::int) AS n
"""
_WORK = ("export", "import", "delete")


async def measure_archives(project: Project, folder: Path, *, megabytes: int) -> Iterator[Outcome]:
    """Measure it for a small tenant and for a large one.

    Args:
        project: A service with schema isolation.
        folder: For the files.
        megabytes: The size of the large tenant.
    """
    small = await _one(project, folder, 1)
    large = await _one(project, folder, megabytes)
    outcomes: list[Outcome] = []
    for what in _WORK:
        seconds, peak = large[what]
        more = peak - small[what][1]
        outcomes.append(
            Outcome(
                f"{what} of {megabytes:,} MB: memory",
                f"{peak / _MIB:.0f} MiB; of 1 MB {small[what][1] / _MIB:.0f} MiB",
                f"≤ {_MORE // _MIB} MiB more",
                more <= _MORE,
            )
        )
        outcomes.append(Outcome(f"{what} of {megabytes:,} MB: time", f"{seconds:.1f} s"))
    return iter(outcomes)


async def _one(project: Project, folder: Path, megabytes: int) -> dict[str, tuple[float, int]]:
    tenants = project.tenancy().tenants
    record = await tenants.create("Large", "bench")
    await tenants.close()
    connection = await asyncpg.connect(project.admin_url)
    rows = megabytes * 1000
    await connection.execute(_FILL.format(schema=record.placement["schema"]), rows)
    await connection.close()
    say(f"archives: {megabytes} MB are there")
    file, copy = folder / f"{megabytes}.zip", str(uuid4())
    found: dict[str, tuple[float, int]] = {}
    for what, arguments in (
        ("export", (record.id, str(file))),
        ("import", (str(file), "--id", copy)),
        ("delete", (copy, "--yes")),
    ):
        run = await watched(
            *project.command("tenants", what, *arguments, "--json"),
            cwd=project.folder,
            environment=project.environment,
        )
        answer = json.loads(run.out)
        assert what == "import" or answer["rows"] == rows, answer
        found[what] = (run.seconds, run.peak)
        say(f"archives: {what} of {megabytes} MB in {run.seconds:.1f} s")
    file.unlink()
    return found

"""A short soak of each strategy; `nox -s soak` runs long ones."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from fraiseql_strawberry.config import Strategy

SOAK = Path(__file__).parent
SECONDS = "20"


async def run_soak(admin_url: str, *options: str) -> tuple[int, str]:
    """The exit code, and all that it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        SOAK,
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "ADMIN_DATABASE_URL": admin_url},
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.parametrize("strategy", ["row", "schema", "database"])
async def test_nothing_leaks_and_nothing_is_lost(strategy: Strategy, admin_url: str) -> None:
    code, said = await run_soak(admin_url, "--strategy", strategy, "--seconds", SECONDS)
    assert code == 0, said
    for line in ("leaks: 0", "losses: 0", "successes after a suspension: 0", "verdict: good"):
        assert line in said.splitlines(), said


@pytest.mark.parametrize(
    ("strategy", "without"), [("row", "bind-once"), ("schema", "bind-once"), ("row", "bind-never")]
)
async def test_a_soak_notices_that_a_guard_is_missing(
    strategy: Strategy, without: str, admin_url: str
) -> None:
    options = ("--strategy", strategy, "--seconds", "4", "--without", without)
    code, said = await run_soak(admin_url, *options)
    assert code == 1, said
    # A transaction without a tenant sees and writes nothing; one with another's sees the other's.
    if without == "bind-never":
        assert "in the calm at the end these failed" in said, said
    else:
        (found,) = [line for line in said.splitlines() if line.startswith("leaks: ")]
        assert found != "leaks: 0", said

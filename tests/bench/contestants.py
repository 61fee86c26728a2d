"""The contestants: how each is started, and what it cannot take part in, with the reason."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from machine import Layout, pinned
from terminal import say

__all__ = ["CONTESTANTS", "PGBENCH", "Contestant", "Service", "Unavailable"]

PGBENCH = "pgbench"
_HERE = Path(__file__).parent
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_NPM_SECONDS = 300.0
# Node.js: it answers nothing but errors on older ones.
_NPM_PACKAGES = ("postgraphile@5", "@graphile/pg-aggregates@0.2.0-rc.2", "node@22")


class Unavailable(Exception):
    """This contestant cannot run here; the message says why."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A service under test.

    Args:
        name: What `--contestants` calls it, and what it finds in the variable CONTESTANT.
        title: What tables and charts call it.
        app: The Python module and attribute; empty for what is not Python.
        dialect: Which documents it understands (see `kinds`).
        absent: Kinds it does not take part in, with the reason.
    """

    name: str
    title: str
    app: str = ""
    dialect: str = "service"
    absent: dict[str, str] = field(default_factory=dict)


CONTESTANTS: dict[str, Contestant] = {
    contestant.name: contestant
    for contestant in (
        Contestant("handwritten", "hand-written", "apps.handwritten:app"),
        Contestant("handwritten-cached", "hand-written, caches, orjson", "apps.handwritten:app"),
        Contestant("standard", "standard lane", "apps.ours:app"),
        Contestant("fast", "fast lane", "apps.ours:app"),
        Contestant("floor", "raw ASGI floor", "apps.floor:app"),
        Contestant(PGBENCH, "pgbench"),
        Contestant(
            "postgraphile",
            "PostGraphile 5",
            dialect="postgraphile",
            absent={"rest": "it serves GraphQL only"},
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Service:
    """A running contestant."""

    pid: int
    port: int


@asynccontextmanager
async def running(
    contestant: Contestant, environment: dict[str, str], layout: Layout, cache: Path
) -> AsyncIterator[Service]:
    """Run a contestant in a pinned process of its own for the block.

    Args:
        contestant: Which; not pgbench.
        environment: DATABASE_URL, JWT_SECRET and POOL_SIZE.
        layout: Where it is pinned.
        cache: Where PostGraphile is installed, outside of the project.

    Raises:
        Unavailable: It cannot be installed, or did not start.
    """
    command = [sys.executable, str(_HERE / "serve.py"), contestant.app]
    environment = {**os.environ, **environment, "CONTESTANT": contestant.name}
    if not contestant.app:
        folder = await asyncio.to_thread(_install_postgraphile, cache / "postgraphile")
        command = [str(folder / ".bin" / "node"), str(_HERE / "apps" / "postgraphile.cjs")]
        production = {"NODE_ENV": "production", "GRAPHILE_ENV": "production"}
        environment |= {"NODE_PATH": str(folder), **production}
    process = _spawn(command, environment, layout)
    try:
        yield Service(process.pid, await _port_of(process))
    finally:
        assert process.stdin is not None
        process.stdin.close()  # asks it to end
        try:
            await asyncio.to_thread(process.wait, _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _spawn(
    command: list[str], environment: dict[str, str], layout: Layout
) -> subprocess.Popen[bytes]:
    with pinned(layout.server):
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )


async def _port_of(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_START_SECONDS):
            line = await asyncio.to_thread(process.stdout.readline)
    except TimeoutError:
        raise Unavailable(f"it did not start within {_START_SECONDS:.0f} s") from None
    word, _, port = line.decode().strip().partition(" ")
    if word != "ready":
        raise Unavailable("it ended instead of starting; its message stands above")
    return int(port)


def _install_postgraphile(folder: Path) -> Path:
    """Install it by npm where it is not there yet; returns `node_modules`."""
    modules = folder / "node_modules"
    stamp = folder / "installed.json"
    wanted = json.dumps(_NPM_PACKAGES)
    if stamp.is_file() and stamp.read_text() == wanted:
        return modules
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not installed, so PostGraphile cannot be")
    say(f"installing {', '.join(_NPM_PACKAGES)} into {folder} (once)")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    command = [npm, "install", "--no-fund", "--no-audit", "--loglevel=error", *_NPM_PACKAGES]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_NPM_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm install took more than {_NPM_SECONDS:.0f} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable(f"npm install failed: {said[-1] if said else done.returncode}")
    stamp.write_text(wanted)
    return modules

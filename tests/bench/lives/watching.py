"""A process that is measured from outside: how long it took, and how much memory it had."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from machine import children

__all__ = ["Watched", "watched"]

_POLL = 0.02


@dataclass(frozen=True, slots=True)
class Watched:
    """How a process ended.

    Args:
        seconds: From its start to its end.
        peak: The most memory that it had with its children, in bytes; shared pages count once
            for each of them.
        out: What it printed.
    """

    seconds: float
    peak: int
    out: str


async def watched(
    *command: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Watched:
    """Run a command to its end.

    Raises:
        RuntimeError: It failed; the message is what it said.
    """
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    talking = asyncio.create_task(process.communicate())
    peak = 0
    while not talking.done():
        peak = max(peak, sum(map(_resident, (process.pid, *children(process.pid)))))
        await asyncio.wait({talking}, timeout=_POLL)
    out, err = await talking
    seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed: {err.decode()}{out.decode()}")
    return Watched(seconds, peak, out.decode())


def _resident(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))

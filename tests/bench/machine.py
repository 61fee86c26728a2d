"""Which processor runs what, and what a process has used of it.

A bench on a shared machine can trust two things: processor time, which the kernel counts in
nanoseconds per process, and ratios of what ran side by side. So every process is pinned, and
processor time is read from each process's own CPU clock.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from terminal import say

__all__ = ["Layout", "children", "cpu_seconds", "parent", "pin_all", "pinned", "private_bytes"]

_TICK = os.sysconf("SC_CLK_TCK")
_CPUCLOCK_SCHED = 2  # the clock that counts what the scheduler gave, in nanoseconds


@dataclass(frozen=True, slots=True)
class Layout:
    """The processors of each part.

    The server under test has one to itself. With two processors PostgreSQL and the load
    generator share the other one; with three or more the generator has its own as well.

    Args:
        server: For the one server process under test.
        database: For PostgreSQL.
        load: For the load generator and pgbench.
    """

    server: frozenset[int]
    database: frozenset[int]
    load: frozenset[int]

    @classmethod
    def of_machine(cls) -> Layout:
        """The layout for the processors that this process may use."""
        if sys.platform != "linux":
            sys.exit("The bench pins processes and reads their CPU clocks, which needs Linux")
        processors = sorted(os.sched_getaffinity(0))
        if len(processors) == 1:
            only = frozenset(processors)
            return cls(only, only, only)
        server, *others = processors
        load = others[:1]
        database = others[1:] or load
        return cls(frozenset([server]), frozenset(database), frozenset(load))

    def __str__(self) -> str:
        def named(cpus: frozenset[int]) -> str:
            return ",".join(map(str, sorted(cpus)))

        return (
            f"server on CPU {named(self.server)}, PostgreSQL on {named(self.database)}, "
            f"load generator on {named(self.load)}"
        )


@contextmanager
def pinned(cpus: Iterable[int]) -> Generator[None]:
    """Pin this process for the block: what is started in it inherits the pinning."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pin_all(pid: int, cpus: Iterable[int]) -> None:
    """Pin a process and the children that it has now; later ones inherit it."""
    cpus = set(cpus)
    for each in (pid, *children(pid)):
        try:
            os.sched_setaffinity(each, cpus)
        except ProcessLookupError:
            continue
        except PermissionError:
            say(f"process {each} belongs to another user and was not pinned")
            return


def parent(pid: int) -> int:
    """The parent of a process."""
    return int(_stat(pid)[1])


def children(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        for task in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            try:
                young = [int(text) for text in task.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
            found += young
            waiting += young
    return found


def cpu_seconds(pid: int) -> float:
    """Processor time of a process with its children, user and system, dead children included."""
    fields = _stat(pid)
    ended = (int(fields[13]) + int(fields[14])) / _TICK
    return ended + sum(_clock(each) for each in (pid, *children(pid)))


def private_bytes(pid: int) -> int:
    """Memory of a process with its children that is neither a file's nor shared (RssAnon)."""
    total = 0
    for each in (pid, *children(pid)):
        try:
            lines = Path(f"/proc/{each}/status").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))
    return total


def _clock(pid: int) -> float:
    # What clock_getcpuclockid(3) gives: the CPU clock of another process, all its threads.
    try:
        return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED) / 1e9
    except OSError:
        return 0.0  # it has ended since; its parent counts it now


def _stat(pid: int) -> list[str]:
    # The fields of proc(5) from the third on: the second, the name, may hold anything.
    text = Path(f"/proc/{pid}/stat").read_text()
    return text.rpartition(")")[2].split()

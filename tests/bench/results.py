"""What was measured, in one object: medians over rounds, ratios round by round, the JSON file."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from deep import DeepPage
from growth import Point
from measure import Measurement
from memory import Reading

__all__ = ["Ratio", "Results", "about_machine"]

_LIBRARIES = (
    *("strawberry-graphql", "graphql-core", "fastapi", "starlette", "uvicorn", "uvloop"),
    *("httptools", "sqlalchemy", "asyncpg", "orjson", "joserfc"),
)

Value = Callable[[Measurement], float | None]


class Ratio(NamedTuple):
    """The median of the ratios of each round, and their range."""

    median: float
    lowest: float
    highest: float


@dataclass(slots=True)
class Results:
    """Everything that a run found.

    Args:
        about: The machine, the versions and the options.
        skipped: Contestants that could not run, with the reason.
        measurements: Every round of every contestant and kind.
        growth: The cost by rows and levels.
        memory: The memory by distinct documents.
        deep: Pages far into a long list.
    """

    about: dict[str, Any]
    skipped: dict[str, str] = field(default_factory=dict)
    measurements: list[Measurement] = field(default_factory=list)
    growth: list[Point] = field(default_factory=list)
    memory: list[Reading] = field(default_factory=list)
    deep: list[DeepPage] = field(default_factory=list)

    def of(self, kind: str, contestant: str) -> list[Measurement]:
        """The rounds of one contestant, in order."""
        return [m for m in self.measurements if (m.kind, m.contestant) == (kind, contestant)]

    def median(self, kind: str, contestant: str, value: Value) -> float | None:
        """The median of a value over the rounds; None where it was not measured."""
        found = [v for m in self.of(kind, contestant) if (v := value(m)) is not None]
        return statistics.median(found) if found else None

    def ratio(self, kind: str, one: str, other: str, value: Value) -> Ratio | None:
        """One contestant's value over another's, within each round."""
        pairs = zip(self.of(kind, one), self.of(kind, other), strict=False)
        found = [a / b for x, y in pairs if (a := value(x)) is not None and (b := value(y))]
        return Ratio(statistics.median(found), min(found), max(found)) if found else None

    def kinds(self) -> list[str]:
        """The kinds that were measured, in order."""
        return list(dict.fromkeys(m.kind for m in self.measurements))

    def contestants(self, kind: str, order: Sequence[str]) -> list[str]:
        """The contestants that took part in a kind, in the order given."""
        took_part = {m.contestant for m in self.measurements if m.kind == kind}
        return [name for name in order if name in took_part]

    def write(self, file: Path) -> None:
        """Write the JSON file."""
        content = {
            "about": self.about,
            "skipped": self.skipped,
            "measurements": [m.as_json() for m in self.measurements],
            "growth": [point.as_json() for point in self.growth],
            "memory": [reading.as_json() for reading in self.memory],
            "deep": [page.as_json() for page in self.deep],
        }
        file.write_text(json.dumps(content, indent=1) + "\n")

    @classmethod
    def read(cls, file: Path) -> Results:
        """Read a file that `write` wrote."""
        content = json.loads(file.read_text())
        measurements = [
            {k: v for k, v in m.items() if k != "rate"} for m in content["measurements"]
        ]
        return cls(
            content["about"],
            content["skipped"],
            [Measurement(**values) for values in measurements],
            [Point(**values) for values in content["growth"]],
            [Reading(**values) for values in content["memory"]],
            [DeepPage(**values) for values in content.get("deep", ())],
        )


def about_machine() -> dict[str, Any]:
    """What the numbers depend on."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": models[0] if models else platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }

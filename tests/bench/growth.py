"""Does the cost grow as the work does? 10, 100 and 1,000 rows; one, two and three levels."""

from __future__ import annotations

import itertools
import random
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from contestants import CONTESTANTS, Service
from dataset import Tenant, tenants
from kinds import Request, raw_stream
from load import Load
from machine import cpu_seconds
from postgres import Postgres

__all__ = ["CONTESTANTS_SHOWN", "LEVELS", "ROWS", "Point", "measure_growth"]

CONTESTANTS_SHOWN = ("handwritten-cached", "standard", "fast")
ROWS = (10, 100, 1000)
LEVELS = {
    1: "id title createdAt",
    2: "id title createdAt comments(limit: 3) { content }",
    3: "id title createdAt comments(limit: 3) { content author { name } }",
}
_CONNECTIONS = 4  # a thousand rows with their comments take a while
_AT_LEAST = 3  # requests of each connection before
_SLICES = 5  # the median of so many: garbage of a large answer may be collected in the next one


@dataclass(frozen=True, slots=True)
class Point:
    """Processor time of one request, in seconds."""

    contestant: str
    rows: int
    levels: int
    server_cpu: float
    postgres_cpu: float

    def as_json(self) -> dict[str, Any]:
        """For the result file."""
        return asdict(self)


async def measure_growth(
    services: dict[str, Service],
    postgres: Postgres,
    token: Callable[[Tenant, int], str],
    *,
    seconds: float,
    largest: int,
) -> list[Point]:
    """Measure every number of rows, up to the largest, with every number of levels."""
    found: list[Point] = []
    counts = [rows for rows in ROWS if rows <= largest]
    for (levels, fields), rows in itertools.product(LEVELS.items(), counts):
        document = f"{{ posts(limit: {rows}) {{ {fields} }} }}"
        chance = random.Random(document)
        requests = [
            Request(tenant, 1, {"query": document})
            for tenant in chance.choices(tenants("small"), k=500)
        ]
        raw = raw_stream(requests, token)
        for name in CONTESTANTS_SHOWN:
            if name not in services:
                continue
            assert CONTESTANTS[name].dialect == "service"
            service, stream = services[name], itertools.cycle(raw)
            costs: list[tuple[float, float]] = []
            async with Load(service.port, _CONNECTIONS) as load:
                for _ in range(_AT_LEAST):
                    await load.run(stream, 0.0)
                for _ in range(_SLICES):
                    server, database = cpu_seconds(service.pid), postgres.cpu_seconds()
                    count = (await load.run(stream, seconds / _SLICES)).requests
                    server = cpu_seconds(service.pid) - server
                    costs.append((server / count, (postgres.cpu_seconds() - database) / count))
            server, database = map(statistics.median, zip(*costs, strict=True))
            found.append(Point(name, rows, levels, server, database))
    return found

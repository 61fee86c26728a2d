"""Do documents that are never seen again stay in memory? Thousands of distinct ones tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from contestants import Service
from dataset import Tenant, tenants
from kinds import Request, http_request
from load import Load
from machine import private_bytes
from postgres import Postgres

__all__ = ["CONTESTANTS_SHOWN", "Reading", "measure_memory"]

CONTESTANTS_SHOWN = ("handwritten-cached", "standard", "fast")
_CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """Private memory after so many distinct documents, in bytes."""

    contestant: str
    documents: int
    server: int
    postgres: int

    def as_json(self) -> dict[str, Any]:
        """For the result file."""
        return asdict(self)


async def measure_memory(
    services: dict[str, Service],
    postgres: Postgres,
    token: Callable[[Tenant, int], str],
    documents: int,
) -> list[Reading]:
    """Send distinct documents in four parts, and read the memory before and after each part."""
    found: list[Reading] = []
    for name in CONTESTANTS_SHOWN:
        if name not in services:
            continue
        service, part = services[name], documents // 4
        found.append(_read(name, 0, service, postgres))
        async with Load(service.port, _CONNECTIONS) as load:
            for number in range(4):
                await load.run(_distinct(number * part, part, token), float("inf"))
                found.append(_read(name, (number + 1) * part, service, postgres))
    return found


def _read(name: str, documents: int, service: Service, postgres: Postgres) -> Reading:
    return Reading(name, documents, private_bytes(service.pid), postgres.private_bytes())


def _distinct(first: int, count: int, token: Callable[[Tenant, int], str]) -> Iterator[bytes]:
    """Documents whose very shape is new: no literal that could be lifted makes the difference."""
    tenant = tenants("small")[0]
    bearer = token(tenant, 1)
    for number in range(first, first + count):
        document = f"{{ posts(limit: 1) {{ a{number}: id title content createdAt }} }}"
        yield http_request(Request(tenant, 1, {"query": document}), bearer)

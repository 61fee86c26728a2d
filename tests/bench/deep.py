"""Does a page far into a long list cost what the first does? By cursor, and by offset."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from contestants import Service
from dataset import MILLION, Tenant
from kinds import Request, raw_stream
from load import Load, LoadError
from machine import cpu_seconds
from postgres import Postgres

__all__ = ["DeepPage", "measure_deep"]

_ROWS = 20
_PAGES = (1, 100, 10_000)
_CONNECTIONS = 8
_FIELDS = "id title createdAt"
_CURSOR = """query ($number: Int) {
  entries(first: 1, where: {number: {eq: $number}}) { pageInfo { endCursor } } }"""
_PAGE = f"""query ($after: String) {{ entries(first: {_ROWS}, after: $after) {{
  edges {{ node {{ {_FIELDS} }} }} pageInfo {{ endCursor hasNextPage }} }} }}"""
_LIST = f"""query ($offset: Int!) {{
  entryList(limit: {_ROWS}, offset: $offset) {{ {_FIELDS} }} }}"""


@dataclass(frozen=True, slots=True)
class DeepPage:
    """What a page costs, in seconds a request.

    Args:
        page: Which, from 1.
        way: "cursor" or "offset".
        p50: The median latency, with few connections.
        server_cpu: Processor time of the service.
        postgres_cpu: Processor time of PostgreSQL.
    """

    page: int
    way: str
    p50: float
    server_cpu: float
    postgres_cpu: float

    def as_json(self) -> dict[str, Any]:
        """For the result file."""
        return asdict(self)


async def measure_deep(
    service: Service,
    postgres: Postgres,
    token: Callable[[Tenant, int], str],
    *,
    seconds: float,
) -> list[DeepPage]:
    """Measure pages of the million rows of one tenant.

    Args:
        service: The fast lane's.
        postgres: The server.
        token: Gives the token of a tenant's user.
        seconds: Of each page and way.

    Raises:
        LoadError: A cursor and an offset lead to different rows.
    """
    found: list[DeepPage] = []
    async with Load(service.port, 1) as load:

        async def ask(text: str, variables: dict[str, Any]) -> tuple[bytes, Any]:
            (raw,) = raw_stream(
                [Request(MILLION, 1, {"query": text, "variables": variables})], token
            )
            (body,) = await load.bodies([raw])
            return raw, json.loads(body)["data"]

        for page in _PAGES:
            offset = _ROWS * (page - 1)
            by_offset, listed = await ask(_LIST, {"offset": offset})
            after = None
            if offset:
                _, before = await ask(
                    _LIST.replace("id title", "number title"), {"offset": offset - 1}
                )
                _, there = await ask(_CURSOR, {"number": before["entryList"][0]["number"]})
                after = there["entries"]["pageInfo"]["endCursor"]
            by_cursor, paged = await ask(_PAGE, {"after": after})
            if [edge["node"] for edge in paged["entries"]["edges"]] != listed["entryList"]:
                raise LoadError(f"page {page}: the cursor leads to other rows than the offset")
            for way, raw in (("cursor", by_cursor), ("offset", by_offset)):
                found.append(await _measure(page, way, raw, service, postgres, seconds))
    return found


async def _measure(
    page: int, way: str, raw: bytes, service: Service, postgres: Postgres, seconds: float
) -> DeepPage:
    stream = itertools.repeat(raw)
    async with Load(service.port, _CONNECTIONS) as load:
        await load.run(stream, seconds / 4)
        server, database = cpu_seconds(service.pid), postgres.cpu_seconds()
        outcome = await load.run(stream, seconds)
        server = cpu_seconds(service.pid) - server
        database = postgres.cpu_seconds() - database
    count = outcome.requests
    return DeepPage(page, way, outcome.quantile(0.5), server / count, database / count)

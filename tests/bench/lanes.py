"""Which lane each kind takes, by the library's own word: a slip would make the bench a lie.

Asked of a process of its own, since the header that tells costs a little.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import re
from collections.abc import Callable
from pathlib import Path

from contestants import CONTESTANTS, running
from dataset import Tenant
from kinds import KINDS, Request
from machine import Layout

__all__ = ["lanes_taken"]

_TOLD = re.compile(r'lane;desc="([^"]*)"')


async def lanes_taken(
    kinds: list[str],
    environment: dict[str, str],
    layout: Layout,
    cache: Path,
    token: Callable[[Tenant, int], str],
) -> dict[str, str]:
    """For each GraphQL kind that only reads: "fast: compiled", or the other lane and why.

    Args:
        kinds: The names of the kinds.
        environment: As for the contestants.
        layout: Where the process is pinned.
        cache: As for the contestants.
        token: Gives the token of a tenant's user.
    """
    told: dict[str, str] = {}
    environment = {**environment, "SERVER_TIMING": "1"}
    async with running(CONTESTANTS["fast"], environment, layout, cache) as service:
        for name in kinds:
            kind = KINDS[name]
            if kind.document and not kind.writes:
                request = kind.stream()[0]
                bearer = token(request.tenant, request.user)
                told[name] = await asyncio.to_thread(_ask, service.port, request, bearer)
    return told


def _ask(port: int, request: Request, bearer: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
    connection.request("POST", "/graphql", json.dumps(request.body), headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    found = _TOLD.search(response.headers.get("Server-Timing", ""))
    return found[1] if found else "not told"

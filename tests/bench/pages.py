"""Cursors are each contestant's own, so whoever wants a page behind another has to get there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from contestants import Service
from dataset import Tenant
from kinds import Request, raw_stream
from load import Load

__all__ = ["behind_pages"]


async def behind_pages(
    requests: Sequence[Request], service: Service, token: Callable[[Tenant, int], str], pages: int
) -> list[Request]:
    """The same requests, for the page behind so many.

    Args:
        requests: For the first page of `feed`, with a variable `after`.
        service: Who is asked for the pages in between, once for each tenant.
        token: Gives the token of a tenant's user.
        pages: How many pages.
    """
    reached: dict[str, Request] = {}
    async with Load(service.port, 1) as load:
        for first in requests:
            if first.tenant.id in reached:
                continue
            page = first
            for _ in range(pages):
                (body,) = await load.bodies(raw_stream([page], token))
                cursor = json.loads(body)["data"]["feed"]["pageInfo"]["endCursor"]
                page = _after(page, cursor)
            reached[first.tenant.id] = page
    return [replace(r, body=reached[r.tenant.id].body) for r in requests]


def _after(request: Request, cursor: str) -> Request:
    assert request.body is not None
    return replace(request, body={**request.body, "variables": {"after": cursor}})

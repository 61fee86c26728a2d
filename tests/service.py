"""Applications on a real socket, and clients who speak HTTP to them.

The server runs on the loop of the tests, so that a test can look at its pool and its log; the
bytes go over TCP.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx2
import uvicorn

__all__ = ["Client", "serving"]


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # Ctrl-C is pytest's


class Client:
    """Speaks HTTP to one application; each answer comes with its status and its JSON.

    Args:
        http: Where the requests go.
    """

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http
        self.url = str(http.base_url).rstrip("/")

    async def get(self, path: str, token: str | None = None, **more: Any) -> httpx2.Response:
        return await self.http.get(path, headers=_headers(token, more), **more)

    async def post(self, path: str, token: str | None = None, **more: Any) -> httpx2.Response:
        return await self.http.post(path, headers=_headers(token, more), **more)

    async def graphql(
        self, query: str, token: str | None = None, *, path: str = "/graphql", **more: Any
    ) -> httpx2.Response:
        """POST an operation; `variables` and `operationName` go into the body."""
        body = {"query": query}
        for name in ("variables", "operationName"):
            if name in more:
                body[name] = more.pop(name)
        return await self.post(path, token, json=body, **more)

    async def data(self, query: str, token: str | None = None, **more: Any) -> Any:
        """The `data` of an operation that must succeed."""
        answer = await self.graphql(query, token, **more)
        assert answer.status_code == 200, answer.text
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]


def _headers(token: str | None, more: dict[str, Any]) -> Any:
    given = list((more.pop("headers", None) or {}).items()) + list(more.pop("raw_headers", ()))
    return given if token is None else [("Authorization", f"Bearer {token}"), *given]


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[Client]:
    """The app behind uvicorn, on a port of its own."""
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan="on")
    server = _Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
        if running.done():
            await running
            raise RuntimeError("the application did not start: see the log")
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            yield Client(http)
    finally:
        server.should_exit = True
        await running

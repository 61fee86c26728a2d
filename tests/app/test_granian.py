"""The example under granian: another server than uvicorn, the same lane and the same answers."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator

import httpx2
import pytest

from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry.auth import mint_token

SECRET = "a-secret-for-tests-that-is-long-enough-for-anyone"
QUERY = "{ posts(limit: 100) { title } }"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture(scope="module")
async def http(blog: Urls) -> AsyncIterator[httpx2.AsyncClient]:
    port = free_port()
    environment = {**os.environ, "DATABASE_URL": blog.app_url, "JWT_SECRET": SECRET}
    options = f"--interface asgi --factory --host 127.0.0.1 --port {port} --workers 1".split()
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "granian", *options, "example_app.app:create_app", env=environment
    )
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            async with asyncio.timeout(60):
                while not await answers(http):
                    assert server.returncode is None, "granian ended"
                    await asyncio.sleep(0.05)
            yield http
    finally:
        server.terminate()
        await server.wait()


async def answers(http: httpx2.AsyncClient) -> bool:
    try:
        return (await http.get("/ready")).status_code == 200
    except httpx2.TransportError:
        return False


async def fast_operations(http: httpx2.AsyncClient) -> float:
    """How many operations took the fast lane, as /metrics says."""
    lines = (await http.get("/metrics")).text.splitlines()
    found = [line for line in lines if line.startswith("fraiseql_operations_total{")]
    return sum(float(line.split()[-1]) for line in found if 'lane="fast"' in line)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_each_tenant_is_given_its_own_on_the_fast_lane(
    http: httpx2.AsyncClient, method: str
) -> None:
    before = await fast_operations(http)
    for tenant in (ACME, GLOBEX):
        token = mint_token(SECRET, tenant=str(tenant))
        sent = {"params" if method == "GET" else "json": {"query": QUERY}}
        headers = {"Authorization": f"Bearer {token}"}
        answer = await http.request(method, "/graphql", headers=headers, **sent)
        assert answer.status_code == 200, answer.text
        titles = {post["title"] for post in answer.json()["data"]["posts"]}
        assert titles == {post.title for post in blog_of(tenant).posts}
    assert await fast_operations(http) == before + 2


async def test_without_a_tenant(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/graphql", json={"query": QUERY})
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHORIZED"

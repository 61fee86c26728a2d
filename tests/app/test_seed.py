"""`python -m example_app`, started as a user starts it: a PostgreSQL of its own, tokens to paste."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from example_app.data import ACME, GLOBEX, blog_of
from tests.app.demo import Demo


def processes_in(folder: Path) -> list[str]:
    """The command lines of processes that name the folder, where the system shows them."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended in this moment
        if any(str(folder).encode() in word for word in words):
            found.append(b" ".join(words).decode())
    return found


@pytest.fixture(scope="module")
async def demo(data_dir: Path) -> AsyncIterator[Demo]:
    demo = await Demo.start(data_dir)
    yield demo
    await demo.stop()


class TestClient:
    """What the isolation test of a tutorial calls."""

    __test__ = False

    def __init__(self, url: str) -> None:
        self._url = f"{url}/graphql"

    async def query(self, document: str, headers: dict[str, str]) -> Any:
        async with httpx2.AsyncClient() as http:
            answer = await http.post(self._url, json={"query": document}, headers=headers)
        body = answer.json()
        assert "errors" not in body, body
        return body["data"]

    mutate = query


@pytest.fixture
def test_client(demo: Demo) -> TestClient:
    return TestClient(demo.url)


@pytest.fixture
def tenant_a_token(demo: Demo) -> str:
    return demo.tokens[0]


@pytest.fixture
def tenant_b_token(demo: Demo) -> str:
    return demo.tokens[1]


async def test_tenant_isolation(
    test_client: TestClient, tenant_a_token: str, tenant_b_token: str
) -> None:
    theirs = {"Authorization": f"Bearer {tenant_a_token}"}
    ours = {"Authorization": f"Bearer {tenant_b_token}"}
    await test_client.mutate(
        'mutation { createPost(title: "A\'s post", content: "...") { id } }', headers=theirs
    )
    seen = await test_client.query("{ posts { id title } }", headers=theirs)
    assert "A's post" in [post["title"] for post in seen["posts"]]
    seen = await test_client.query("{ posts { id title } }", headers=ours)
    assert "A's post" not in [post["title"] for post in seen["posts"]]


async def pasted(lines: str) -> Any:
    """The data of the answer that a shell prints."""
    shell = await asyncio.create_subprocess_shell(lines, stdout=subprocess.PIPE)
    out, _ = await shell.communicate()
    return json.loads(out)["data"]


async def test_the_printed_commands(demo: Demo) -> None:
    """Pasted into a shell as they stand, they answer disjoint sets of ids."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    *reading, provision = demo.commands
    assert len(reading) == len(demo.tokens) == 2
    ids: list[set[str]] = []
    for token, command, tenant in zip(demo.tokens, reading, (ACME, GLOBEX), strict=True):
        wider = command.replace("limit: 3", "limit: 100")
        for line in (command, wider):
            posts = (await pasted(f"TOKEN={token}\n{line}"))["posts"]
        ids.append({post["id"] for post in posts})
        assert {str(post.id) for post in blog_of(tenant).posts} <= ids[-1]
    assert ids[0].isdisjoint(ids[1])
    made = (await pasted(f"ADMIN={demo.admin_token}\n{provision}"))["provisionTenant"]
    assert (made["name"], made["status"]) == ("Initech", "active")


async def test_what_operators_ask_for(demo: Demo) -> None:
    async with httpx2.AsyncClient(base_url=demo.url) as http:
        assert (await http.get("/health")).json() == {"status": "alive"}
        assert (await http.get("/ready")).json() == {"status": "ready"}
        answer = await http.get("/posts")
        assert answer.status_code == 401
        assert answer.json() == {
            "errors": [
                {"message": "Missing tenant context", "extensions": {"code": "UNAUTHORIZED"}}
            ]
        }
        headers = {"Authorization": f"Bearer {demo.tokens[1]}"}
        posts = (await http.get("/posts", params={"limit": 100}, headers=headers)).json()
        assert {post["title"] for post in posts} >= {post.title for post in blog_of(GLOBEX).posts}
        assert (await http.get("/posts", params={"limit": 0}, headers=headers)).status_code == 422
        metrics = (await http.get("/metrics")).text
        assert "fraiseql_operations_total" in metrics
        assert str(ACME) not in metrics


async def test_what_it_prints(demo: Demo) -> None:
    assert re.fullmatch(r"ready http://127\.0\.0\.1:\d+", demo.lines[-1])
    said = "\n".join(demo.lines)
    assert str(ACME) in said
    assert str(GLOBEX) in said
    assert "GraphiQL" in said
    assert "Traceback" not in said
    assert "postgresql://" not in said  # no password


async def test_it_stops_cleanly_and_keeps_its_data(demo: Demo, data_dir: Path) -> None:
    """The last one: what the tests above wrote is still there after a restart."""
    assert processes_in(data_dir)
    assert await demo.stop(signal.SIGTERM) == 0
    assert processes_in(data_dir) == []
    assert "Traceback" not in "\n".join(demo.lines)
    again = await Demo.start(data_dir)
    try:
        headers = {"Authorization": f"Bearer {again.tokens[0]}"}
        seen = await TestClient(again.url).query("{ posts(limit: 100) { title } }", headers)
        assert {post.title for post in blog_of(ACME).posts} <= {
            post["title"] for post in seen["posts"]
        }
        assert "A's post" in [post["title"] for post in seen["posts"]]
    finally:
        assert await again.stop(signal.SIGINT) == 0
    assert processes_in(data_dir) == []
    assert "Traceback" not in "\n".join(again.lines)

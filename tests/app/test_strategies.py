"""`python -m example_app --strategy …`: the same requests get the same answers from all of them.

The demos run one after the other on one data directory, so they also show that they do not
disturb each other there.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx2
import pytest

from example_app.data import ACME, GLOBEX, blog_of
from fraiseql_strawberry.auth import mint_token, sign
from tests.app.demo import Demo

SECRET = "a-secret-for-tests-that-is-long-enough-for-anyone"
HEADERS = ("content-type", "cache-control", "vary", "www-authenticate", "allow")


def token(tenant: UUID | None, *scopes: str, **more: Any) -> str:
    user = str(blog_of(tenant).users[0].id) if tenant in (ACME, GLOBEX) else "nobody"
    return mint_token(
        SECRET, tenant=str(tenant) if tenant else None, user=user, scopes=[*scopes], **more
    )


class Ask(NamedTuple):
    """A request: a GraphQL document, or the path of a GET."""

    what: str
    token: str | None = None
    variables: dict[str, Any] | None = None
    headers: tuple[tuple[str, str], ...] = ()

    async def of(self, http: httpx2.AsyncClient) -> dict[str, Any]:
        """All of the answer that a client may rely on."""
        headers = [*self.headers]
        if self.token is not None:
            headers.append(("Authorization", f"Bearer {self.token}"))
        if self.what.startswith("/"):
            answer = await http.get(self.what, headers=headers)
        else:
            body = {"query": self.what, "variables": self.variables}
            answer = await http.post("/graphql", json=body, headers=headers)
        is_json = "json" in answer.headers["content-type"]
        return {
            "status": answer.status_code,
            "headers": {name: answer.headers.get(name) for name in HEADERS},
            "body": json.loads(answer.text) if is_json else answer.text,
        }


PAGE = """query($n: Int, $skip: Int, $published: Boolean) {
    posts(limit: $n, offset: $skip, published: $published) {
        id title content published createdAt author { id name email }
        comments { id content createdAt author { name } }
    }
    users { id name email }
}"""
POST = "query($id: UUID!) { post(id: $id) { id title createdAt comments { content } } }"
CREATE = """mutation($title: String!) {
    createPost(title: $title, content: "From a test.") { title published author { name } }
}"""
PUBLISH = "mutation($id: UUID!) { publishPost(id: $id) { id published } }"
TITLES = "{ posts(limit: 100) { title published author { name } } }"

NOW = int(time.time())
EXPIRED = sign({"sub": "u", "tenant_id": str(ACME), "iat": NOW - 99, "exp": NOW - 60}, SECRET)
REQUESTS = [
    *(
        Ask(PAGE, token(tenant), variables)
        for tenant in (ACME, GLOBEX)
        for variables in ({}, {"n": 100}, {"n": 3, "skip": 7}, {"published": False})
    ),
    *(
        Ask(POST, token(tenant), {"id": str(blog_of(owner).posts[3].id)})
        for tenant in (ACME, GLOBEX)
        for owner in (ACME, GLOBEX)
    ),
    Ask("{ posts(limit: 2) { title ...F } } fragment F on Post { author { email } }", token(ACME)),
    # Writing
    Ask(CREATE, token(ACME, "write:posts"), {"title": "Written by acme"}),
    Ask(CREATE, token(GLOBEX, "write:posts"), {"title": "Written by globex"}),
    Ask(CREATE, token(ACME), {"title": "without the scope"}),
    Ask(PUBLISH, token(ACME, "write:posts"), {"id": str(blog_of(GLOBEX).posts[0].id)}),
    Ask(PUBLISH, token(ACME, "write:posts"), {"id": str(blog_of(ACME).posts[0].id)}),
    Ask(TITLES, token(ACME)),
    Ask(TITLES, token(GLOBEX)),
    # What is refused
    Ask("{ posts { id } }"),
    Ask("{ posts { id } }", EXPIRED),
    Ask("{ posts { id } }", token(None)),
    Ask("{ posts { id } }", token(uuid4())),
    Ask("{ posts { id } }", token(ACME), headers=(("X-Tenant-ID", str(GLOBEX)),)),
    Ask("{ posts { id } }", token(ACME), headers=(("X-Tenant-ID", "acme"),)),
    Ask("{ posts { titel } }", token(ACME)),
    Ask("{ posts(limit: -1) { id } }", token(ACME)),
    Ask("{ posts(limit: 100000) { id } }", token(ACME)),
    Ask(POST, token(ACME), {"id": "not-a-uuid"}),
    Ask("{ __schema { types { name fields { name type { name } } } } }"),
    # REST, and what operators ask for
    Ask("/posts?limit=100", token(ACME)),
    Ask("/posts?limit=1", token(GLOBEX)),
    Ask("/posts"),
    Ask("/posts", token(uuid4())),
    Ask("/posts?limit=0", token(ACME)),
    Ask("/graphql", headers=(("Accept", "text/html"),)),
    Ask("/health"),
    Ask("/ready"),
    Ask("/nothing"),
]


async def answers_of(strategy: str, data_dir: Path) -> list[dict[str, Any]]:
    demo = await Demo.start(data_dir, "--strategy", strategy, JWT_SECRET=SECRET)
    try:
        async with httpx2.AsyncClient(base_url=demo.url, timeout=30) as http:
            answers = [await ask.of(http) for ask in REQUESTS]
            # What they wrote has a time of its own.
            newest = {"Written by acme", "Written by globex"}
            for answer in answers:
                if isinstance(answer["body"], list):
                    answer["body"] = [p for p in answer["body"] if p["title"] not in newest]
            metrics = (await http.get("/metrics")).text
            assert 'fraiseql_operations_total{lane="fast",reason="compiled"' in metrics
            assert str(ACME) not in metrics
            assert ACME.hex not in metrics
    finally:
        assert await demo.stop() == 0
    said = "\n".join(demo.lines)
    assert "Traceback" not in said
    assert "postgresql://" not in said
    return answers


@pytest.fixture(scope="module")
async def answers_of_row(data_dir: Path) -> list[dict[str, Any]]:
    return await answers_of("row", data_dir)


@pytest.mark.parametrize("strategy", ["schema", "database"])
async def test_the_same_answers_as_from_rows(
    strategy: str, data_dir: Path, answers_of_row: list[dict[str, Any]]
) -> None:
    assert answers_of_row[0]["body"]["data"]["posts"]
    answers = await answers_of(strategy, data_dir)
    for ask, answer, expected in zip(REQUESTS, answers, answers_of_row, strict=True):
        assert answer == expected, ask

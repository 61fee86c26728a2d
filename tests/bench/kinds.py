"""The kinds of request, in the words of each contestant.

A kind gives an endless, seeded stream of requests; tenants and users rotate at random. Every
contestant gets the same stream: only PostGraphile's documents use its own names, with aliases,
so that even its answers are the same.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from dataset import Tenant, tenants

__all__ = ["BULK", "DOCUMENTS", "KINDS", "Kind", "Request", "http_request", "raw_stream", "tokens"]

_STREAM = 30_000  # requests before a stream begins again: more than any cache of documents holds
_REPEATED = 4_000  # the same for kinds whose document is always the same

DOCUMENTS = {
    "rows20": "{ posts(limit: 20) { id title content createdAt } }",
    "by_id": '{ post(id: "ID") { id title content createdAt } }',
    "by_variable": "query Post($id: UUID!) { post(id: $id) { id title content createdAt } }",
    "relations": (
        "{ posts(limit: 20) { id title author { name } "
        "comments(limit: 3) { content author { name } } } }"
    ),
    "rows500": "{ posts(limit: 500) { id title content createdAt } }",
    "page": (
        "query Page($limit: Int!, $offset: Int!) "
        "{ posts(published: true, limit: $limit, offset: $offset) "
        "{ id title published createdAt } }"
    ),
    "third_page": (
        "query Page($after: String) { feed(first: 20, after: $after) "
        "{ edges { node { id title createdAt } } pageInfo { hasNextPage endCursor } } }"
    ),
    "aggregate": (
        "{ postsAggregate { count groupBy(columns: [PUBLISHED]) { keys { published } count } } }"
    ),
    "mixed": "{ viewer posts(limit: 20) { id title createdAt } }",
    "create": (
        'mutation { createPost(title: "TITLE", content: "Written by the bench.") '
        "{ id title author { name } } }"
    ),
    "write": (
        'mutation { addPost(userId: "USER", title: "TITLE", content: "Written by the bench.") '
        "{ id title author { name } } }"
    ),
    "bulk": "mutation Add($posts: [NewPost!]!) { addPosts(posts: $posts) { id title } }",
}
BULK = 100
"""The rows of one request of the kind "bulk"."""

_LIST = "posts: allPostsList(orderBy: [CREATED_AT_DESC, ROW_ID_ASC]"
_FIELDS = "id: rowId title content createdAt"
_POSTGRAPHILE = {
    "rows20": f"{{ {_LIST}, first: 20) {{ {_FIELDS} }} }}",
    "by_id": f'{{ post: postByRowId(rowId: "ID") {{ {_FIELDS} }} }}',
    "by_variable": f"query Post($id: UUID!) {{ post: postByRowId(rowId: $id) {{ {_FIELDS} }} }}",
    "relations": (
        f"{{ {_LIST}, first: 20) {{ id: rowId title author {{ name }} "
        "comments: commentsList(first: 3, orderBy: [CREATED_AT_ASC, ROW_ID_ASC]) "
        "{ content author { name } } } }"
    ),
    "rows500": f"{{ {_LIST}, first: 500) {{ {_FIELDS} }} }}",
    "page": (
        f"query Page($limit: Int!, $offset: Int!) {{ {_LIST}, condition: {{published: true}}, "
        "first: $limit, offset: $offset) { id: rowId title published createdAt } }"
    ),
    "third_page": (
        "query Page($after: Cursor) { feed: allPosts(orderBy: [CREATED_AT_DESC, ROW_ID_ASC], "
        "first: 20, after: $after) "
        "{ edges { node { id: rowId title createdAt } } pageInfo { hasNextPage endCursor } } }"
    ),
    # It counts what is distinct, so of a group it counts the ids.
    "aggregate": (
        "{ postsAggregate: allPosts { count: totalCount "
        "groupBy: groupedAggregates(groupBy: [PUBLISHED]) { keys count: distinctCount { rowId } } "
        "} }"
    ),
    "mixed": f"{{ viewer {_LIST}, first: 20) {{ id: rowId title createdAt }} }}",
    "create": (
        'mutation { createPost(input: {post: {userId: "USER", title: "TITLE", '
        'content: "Written by the bench."}}) { post { id: rowId title author { name } } } }'
    ),
    # It knows no mutation of many rows: as many fields, each with a savepoint of its own.
    "bulk": (
        f"mutation Add({', '.join(f'$p{n}: PostInput!' for n in range(BULK))}) {{ "
        + " ".join(
            f"p{n}: createPost(input: {{post: $p{n}}}) {{ post {{ id: rowId title }} }}"
            for n in range(BULK)
        )
        + " }"
    ),
}
_POSTGRAPHILE["write"] = _POSTGRAPHILE["create"]


@dataclass(frozen=True, slots=True)
class Request:
    """What one request asks for, whoever is asked.

    Args:
        tenant: Whose token it carries.
        user: The number of the user in that tenant.
        body: A GraphQL request; None for the REST route.
    """

    tenant: Tenant
    user: int
    body: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request.

    Args:
        name: What `--kinds` calls it.
        title: What tables and charts call it.
        plan: Whose data it touches (see `dataset.PLANS`).
        document: Which of the documents; empty for the REST route.
        sql: The SQL file that pgbench runs.
        pgbench: pgbench's expression for a `:name` in that file.
        variables: Draws the variables of one request to a tenant.
        writes: Whether it changes rows.
        pages: Behind how many pages the one is that is asked for, by a variable `after`.
    """

    name: str
    title: str
    plan: str
    document: str
    sql: str
    pgbench: dict[str, str]
    variables: Callable[[random.Random, Tenant], dict[str, Any]] | None = None
    writes: bool = False
    pages: int = 0

    @property
    def unique(self) -> bool:
        """Whether the text of each document is new."""
        return self.document in ("by_id", "create", "write")

    def stream(self, *, dialect: str = "service", seed: int = 1) -> list[Request]:
        """The requests, in order; the same ones for every contestant."""
        chance = random.Random(f"{self.name}:{seed}")
        documents = _POSTGRAPHILE if dialect == "postgraphile" else DOCUMENTS
        of_plan = tenants(self.plan)
        count = _STREAM if self.unique else _REPEATED
        return [
            self._request(chance, documents, chance.choice(of_plan), number)
            for number in range(count)
        ]

    def _request(
        self, chance: random.Random, documents: dict[str, str], tenant: Tenant, number: int
    ) -> Request:
        user = chance.randint(1, min(tenant.size.users, 10))
        if not self.document:
            return Request(tenant, user, None)
        text = documents[self.document]
        if self.unique:
            text = text.replace("ID", tenant.post(chance.randint(1, tenant.size.posts)))
            text = text.replace("TITLE", f"Draft {number}").replace("USER", tenant.user(user))
        body: dict[str, Any] = {"query": text}
        if self.variables is not None:
            given = self.variables(chance, tenant)
            if self.document == "bulk" and documents is _POSTGRAPHILE:
                given = {f"p{n}": row for n, row in enumerate(given["posts"])}
            body["variables"] = given
        return Request(tenant, user, body)


def _page(chance: random.Random, _: Tenant) -> dict[str, Any]:
    return {"limit": 20, "offset": 20 * chance.randrange(10)}


def _first_page(_: random.Random, __: Tenant) -> dict[str, Any]:
    return {"after": None}


def _post(chance: random.Random, tenant: Tenant) -> dict[str, Any]:
    return {"id": tenant.post(chance.randint(1, tenant.size.posts))}


def _posts(chance: random.Random, tenant: Tenant) -> dict[str, Any]:
    user = tenant.user(chance.randint(1, min(tenant.size.users, 10)))
    row = {"userId": user, "content": "Written by the bench."}
    return {"posts": [{**row, "title": f"Draft {number}"} for number in range(BULK)]}


_ROWS20 = {"limit": "20"}
# The last row of the second page, as `dataset` places it in time.
_THIRD_PAGE = {
    "limit": "20",
    "at": "'2025-12-04 00:00:00.000007+00'::timestamptz",
    "id": "md5('post:' || :tenant || ':961')::uuid",
}
_PAGE = {"limit": "20", "offset": "20 * random(0, 9)", "published": "true"}

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("rows20", "20 rows", "small", "rows20", "posts", _ROWS20),
        Kind("by_id", "one row by id, inline", "small", "by_id", "post", {}),
        Kind("by_variable", "one row by variable", "small", "by_variable", "post", {}, _post),
        Kind("relations", "two levels of relations", "small", "relations", "relations", _ROWS20),
        Kind("rows500", "500 rows", "small", "rows500", "posts", {"limit": "500"}),
        Kind("page", "a filtered, ordered page", "small", "page", "page", _PAGE, _page),
        Kind(
            *("third_page", "a connection's third page", "small", "third_page", "third_page"),
            _THIRD_PAGE,
            _first_page,
            pages=2,
        ),
        Kind("aggregate", "an aggregate", "small", "aggregate", "counts", {}),
        Kind("mixed", "a resolver and 20 rows", "small", "mixed", "titles", _ROWS20),
        Kind("create", "a mutation", "written", "create", "insert_post", {}, writes=True),
        Kind("write", "a create through SQL", "written", "write", "insert_post", {}, writes=True),
        Kind(
            "bulk",
            "a create of 100 rows",
            "written",
            "bulk",
            "insert_posts",
            {},
            _posts,
            writes=True,
        ),
        Kind("rest", "a REST route", "small", "", "rest", _ROWS20),
        Kind("whale_rows20", "20 rows, whale", "whale", "rows20", "posts", _ROWS20),
        Kind("whale_by_id", "by id, whale", "whale", "by_id", "post", {}),
    )
}


def http_request(request: Request, token: str) -> bytes:
    """A request as it goes over the wire."""
    body = b"" if request.body is None else json.dumps(request.body).encode()
    line = "GET /posts?limit=20" if request.body is None else "POST /graphql"
    headers = (
        f"{line} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        f"Accept: application/json\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return headers.encode() + body


@cache
def tokens(secret: str, mint: Callable[..., str]) -> Callable[[Tenant, int], str]:
    """A token for each user of each tenant, minted when it is first asked for."""

    @cache
    def token(tenant: Tenant, user: int) -> str:
        return mint(
            secret,
            tenant=tenant.id,
            user=tenant.user(user),
            scopes=["write:posts"],
            lifetime=86_000,
        )

    return token


def raw_stream(requests: Sequence[Request], token: Callable[[Tenant, int], str]) -> list[bytes]:
    """A stream ready for the wire."""
    return [http_request(request, token(request.tenant, request.user)) for request in requests]

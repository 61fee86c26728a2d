"""The floor: the least that a Python process can do for these requests, by hand, for them alone.

One ASGI callable, a dict of verified tokens, asyncpg's pool, one statement in one round trip,
and PostgreSQL's bytes straight into the response. No framework, no schema, no validation: it
knows the bench's documents by their text. What the library costs above this is what it does.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from joserfc import jwt
from joserfc.jwk import OctKey
from kinds import DOCUMENTS
from statements import Statement, statement, wrapped

__all__ = ["app"]

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

KEY = OctKey.import_key(os.environ["JWT_SECRET"])
RULES = jwt.JWTClaimsRegistry(exp={"essential": True})
LITERAL = re.compile(r'"[^"]*"')


class Caller(NamedTuple):
    tenant: str
    user: str


class Read(NamedTuple):
    """A statement, what it binds besides what the request brings, and what stands around it."""

    statement: Statement
    fixed: dict[str, Any]
    before: bytes = b'{"data":'
    after: bytes = b"}"


READS = {
    DOCUMENTS["rows20"]: Read(wrapped("posts"), {"limit": 20}),
    DOCUMENTS["rows500"]: Read(wrapped("posts"), {"limit": 500}),
    DOCUMENTS["relations"]: Read(wrapped("relations"), {"limit": 20}),
    DOCUMENTS["page"]: Read(wrapped("page"), {"published": True}),
    DOCUMENTS["aggregate"]: Read(wrapped("counts"), {}),
    DOCUMENTS["by_variable"]: Read(wrapped("post"), {}),
    LITERAL.sub("?", DOCUMENTS["by_id"]): Read(wrapped("post"), {}),
}
PAGE = Read(wrapped("third_page"), {"limit": 20})
BEGINNING = "9999-12-31T00:00:00+00:00|00000000-0000-0000-0000-000000000000"
MIXED = Read(wrapped("titles"), {"limit": 20})
REST = Read(wrapped("rest"), {"limit": 20}, b"", b"")
INSERT = statement("insert_post")
CREATED = statement("created_post")
CREATE = LITERAL.sub("?", DOCUMENTS["create"])
WRITE = LITERAL.sub("?", DOCUMENTS["write"])
INSERT_MANY = statement("insert_posts")

callers: dict[bytes, Caller] = {}
pool: asyncpg.Pool


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    token = next(value for name, value in scope["headers"] if name == b"authorization")
    caller = callers.get(token) or verify(token)
    if scope["path"] == "/posts":
        body = await read(caller, REST, {})
    else:
        message = await receive()
        body = message["body"]
        while message["more_body"]:
            message = await receive()
            body += message["body"]
        body = await answer(caller, json.loads(body))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def lifespan(receive: Receive, send: Send) -> None:
    global pool  # noqa: PLW0603 - one process, one pool
    await receive()
    size = int(os.environ["POOL_SIZE"])
    # Nothing is ever left behind on a connection here, so there is nothing to reset.
    # These statements have one good plan each: planning them anew would be most of their cost.
    pool = await asyncpg.create_pool(
        os.environ["DATABASE_URL"],
        min_size=size,
        max_size=size,
        reset=unchanged,
        server_settings={"plan_cache_mode": "force_generic_plan"},
    )
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await pool.close()
    await send({"type": "lifespan.shutdown.complete"})


async def unchanged(_: asyncpg.Connection) -> None:
    return


def verify(token: bytes) -> Caller:
    claims = jwt.decode(token.removeprefix(b"Bearer "), KEY, algorithms=["HS256"]).claims
    RULES.validate(claims)
    caller = callers[token] = Caller(claims["tenant_id"], claims["sub"])
    return caller


async def answer(caller: Caller, request: dict[str, Any]) -> bytes:
    document = request["query"]
    found = READS.get(document)
    if found is not None:
        return await read(caller, found, request.get("variables") or {})
    if document == DOCUMENTS["third_page"]:
        at, id = (request["variables"]["after"] or BEGINNING).split("|")
        return await read(caller, PAGE, {"at": datetime.fromisoformat(at), "id": id})
    if document == DOCUMENTS["mixed"]:
        viewer = b'{"data":{"viewer":"%s",' % caller.user.encode()
        return await read(caller, MIXED._replace(before=viewer, after=b"}"), {}, skip=1)
    if document == DOCUMENTS["bulk"]:
        return await create_many(caller, request["variables"]["posts"])
    literals = [text[1:-1] for text in LITERAL.findall(document)]
    shape = LITERAL.sub("?", document)
    if shape == CREATE:
        return await create(caller, caller.user, *literals)
    if shape == WRITE:
        text = await create(caller, *literals)
        return text.replace(b'"createPost"', b'"addPost"', 1)
    return await read(caller, READS[shape], {"id": UUID(literals[0])})


async def read(caller: Caller, wanted: Read, given: dict[str, Any], skip: int = 0) -> bytes:
    fixed = wanted.fixed
    args = [fixed[name] if name in fixed else given[name] for name in wanted.statement.names]
    empty = [None] * len(args)
    async with pool.acquire() as connection:
        rows = await connection.fetchmany(
            wanted.statement.sql, [(caller.tenant, *empty), (None, *args)]
        )
    # One copy: a sum of three makes two, and a large one costs as much as reading it.
    return b"".join((wanted.before, rows[1][0].encode()[skip:], wanted.after))


async def create(caller: Caller, user: str, title: str, content: str) -> bytes:
    async with pool.acquire() as connection:
        # The tenant is of a verified token and was canonicalised, so it can stand in a statement.
        await connection.execute(f"BEGIN; SET LOCAL app.tenant_id = '{UUID(caller.tenant)}'")
        id = await connection.fetchval(INSERT.sql, user, title, content)
        text = await connection.fetchval(CREATED.sql, id)
        await connection.execute("COMMIT")
    return b'{"data":%s}' % text.encode()


async def create_many(caller: Caller, posts: list[dict[str, str]]) -> bytes:
    given = {
        "users": [post["userId"] for post in posts],
        "titles": [post["title"] for post in posts],
        "content": posts[0]["content"],
    }
    async with pool.acquire() as connection:
        await connection.execute(f"BEGIN; SET LOCAL app.tenant_id = '{UUID(caller.tenant)}'")
        rows = await connection.fetch(INSERT_MANY.sql, *(given[name] for name in INSERT_MANY.names))
        await connection.execute("COMMIT")
    made = [{"id": str(row["id"]), "title": row["title"]} for row in rows]
    return json.dumps({"data": {"addPosts": made}}).encode()

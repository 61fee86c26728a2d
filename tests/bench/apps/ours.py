"""The same service with fraiseql-strawberry, as a user writes it; both lanes.

`CONTESTANT=standard` pulls the switch `fast_lane = false`; nothing else differs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import strawberry
from fastapi import FastAPI
from sqlalchemy import text

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry import TenantSession, requires_scope
from fraiseql_strawberry.config import load_config

__all__ = ["app"]

CONFIG = load_config(Path(__file__).with_name("fraiseql.toml")).override(
    database={"pool_size": int(os.environ["POOL_SIZE"])},
    multitenancy={"strategy": os.environ.get("STRATEGY", "row"), "id_type": "uuid"},
    graphql={
        "fast_lane": os.environ["CONTESTANT"] == "fast",
        "server_timing": "SERVER_TIMING" in os.environ,
    },
)
INSERT = text(
    "INSERT INTO tb_post (user_id, title, content) VALUES (:user_id, :title, :content) RETURNING id"
)
LIST_POSTS = text(
    "SELECT id, title, published, created_at FROM v_post ORDER BY created_at DESC, id LIMIT :limit"
)


@fraiseql.type(sql_source="v_user")
class User:
    id: UUID
    name: str
    email: str


@fraiseql.type(sql_source="v_comment")
class Comment:
    id: UUID
    content: str
    created_at: datetime
    user_id: fraiseql.Private[UUID]
    author: User = fraiseql.relation(local="user_id", remote="id")


@fraiseql.type(sql_source="v_post")
class Post:
    id: UUID
    title: str
    content: str
    published: bool
    created_at: datetime
    user_id: fraiseql.Private[UUID]
    author: User = fraiseql.relation(local="user_id", remote="id")
    comments: list[Comment] = fraiseql.relation(remote="post_id", order_by="created_at, id")


@fraiseql.query(sql_source="v_post", order_by="-created_at, id")
def posts(limit: int = 20, offset: int = 0, published: bool | None = None) -> list[Post]: ...


@fraiseql.query(sql_source="v_post", id_arg="id")
def post(id: UUID) -> Post | None: ...


@fraiseql.query(sql_source="v_post", order_by="-created_at, id", relay=True)
def feed() -> list[Post]: ...


@fraiseql.query(sql_source="v_post", aggregate=["published"])
def posts_aggregate() -> list[Post]: ...


@fraiseql.type(sql_source="v_entry")
class Entry:
    id: UUID
    number: int
    title: str
    created_at: datetime


@fraiseql.query(sql_source="v_entry", order_by="-created_at, id", relay=True, where=["number"])
def entries() -> list[Entry]: ...


@fraiseql.query(sql_source="v_entry", order_by="-created_at, id")
def entry_list(limit: int = 20, offset: int = 0) -> list[Entry]: ...


@fraiseql.query
async def viewer(info) -> str:
    return info.context["user_id"]


@fraiseql.mutation
@requires_scope("write:posts")
async def create_post(info, session: TenantSession, title: str, content: str) -> Post:
    values = {"user_id": info.context["user_id"], "title": title, "content": content}
    return await fraiseql.load(Post, session, id=await session.scalar(INSERT, values))


@strawberry.input
class NewPost:
    user_id: UUID
    title: str
    content: str


@fraiseql.mutation(sql_source="tb_post", operation="create")
@requires_scope("write:posts")
def add_post(user_id: UUID, title: str, content: str) -> Post: ...


@fraiseql.mutation(sql_source="tb_post", operation="create")
@requires_scope("write:posts")
def add_posts(posts: list[NewPost]) -> list[Post]: ...


tenancy = fraiseql.Tenancy(CONFIG)
app = FastAPI(lifespan=tenancy.lifespan)
tenancy.install(app)
schema = fraiseql.build_schema(
    [
        *(posts, post, feed, posts_aggregate, entries, entry_list, viewer),
        *(create_post, add_post, add_posts),
    ]
)
app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")


@app.get("/posts")
async def list_posts(session: TenantSession, limit: int = 20) -> Sequence[dict[str, Any]]:
    rows = await session.execute(LIST_POSTS, {"limit": limit})
    return [dict(row) for row in rows.mappings()]

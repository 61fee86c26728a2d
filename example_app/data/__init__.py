"""The blog's two tenants and what they wrote, apart from any SQL.

The rows hold no tenant: which tenant they belong to is a column under row isolation, and the
schema or the database itself under the other two strategies, so one reader serves all three.
Ids and times are the same on every machine: ids are UUIDs of version 5 (RFC 9562, section 5.5)
in the tenant's own name space.
"""

from __future__ import annotations

import re
import tomllib
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid5

__all__ = [
    "ACME",
    "GLOBEX",
    "Blog",
    "CommentRow",
    "PostRow",
    "UserRow",
    "blog_of",
    "read_blogs",
]

ACME = UUID("11111111-1111-4111-8111-111111111111")
GLOBEX = UUID("22222222-2222-4222-8222-222222222222")

_FOLDER = Path(__file__).parent
_FILES = ("acme.toml", "globex.toml")
_LINE_BREAK = re.compile(r"(?<!\n)\n(?!\n)")


class UserRow(NamedTuple):
    """A row of `tb_user`; the fields are its columns."""

    id: UUID
    name: str
    email: str


class PostRow(NamedTuple):
    """A row of `tb_post`; the fields are its columns."""

    id: UUID
    user_id: UUID
    title: str
    content: str
    published: bool
    created_at: datetime


class CommentRow(NamedTuple):
    """A row of `tb_comment`; the fields are its columns."""

    id: UUID
    post_id: UUID
    user_id: UUID
    content: str
    created_at: datetime


class Blog(NamedTuple):
    """One tenant and all its rows, parents before children."""

    tenant_id: UUID
    name: str
    plan: str
    users: tuple[UserRow, ...]
    posts: tuple[PostRow, ...]
    comments: tuple[CommentRow, ...]

    @property
    def tables(self) -> dict[str, tuple[UserRow | PostRow | CommentRow, ...]]:
        """Table name → rows, in an order that foreign keys accept."""
        return {"tb_user": self.users, "tb_post": self.posts, "tb_comment": self.comments}


@cache
def read_blogs() -> tuple[Blog, ...]:
    """Read both tenants, acme first."""
    return tuple(_read(_FOLDER / name) for name in _FILES)


def blog_of(tenant_id: UUID) -> Blog:
    """The blog of one tenant.

    Raises:
        KeyError: The demo has no such tenant.
    """
    return {blog.tenant_id: blog for blog in read_blogs()}[tenant_id]


def _read(path: Path) -> Blog:
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    tenant = document["tenant"]
    tenant_id = UUID(tenant["id"])
    users = {
        key: UserRow(uuid5(tenant_id, f"user:{user['email']}"), user["name"], user["email"])
        for key, user in document["users"].items()
    }
    posts: list[PostRow] = []
    comments: list[CommentRow] = []
    for entry in document["posts"]:
        post = _post(tenant_id, users, entry)
        posts.append(post)
        comments += _comments(tenant_id, users, post, entry.get("comments", []))
    return Blog(
        tenant_id,
        tenant["name"],
        tenant["plan"],
        tuple(users.values()),
        tuple(posts),
        tuple(comments),
    )


def _post(tenant_id: UUID, users: dict[str, UserRow], entry: dict[str, Any]) -> PostRow:
    return PostRow(
        id=uuid5(tenant_id, f"post:{entry['title']}"),
        user_id=users[entry["by"]].id,
        title=entry["title"],
        content=_LINE_BREAK.sub(" ", entry["content"].strip()),
        published=entry.get("published", True),
        created_at=entry["at"],
    )


def _comments(
    tenant_id: UUID, users: dict[str, UserRow], post: PostRow, entries: list[dict[str, Any]]
) -> list[CommentRow]:
    return [
        CommentRow(
            id=uuid5(tenant_id, f"comment:{post.title}:{number}"),
            post_id=post.id,
            user_id=users[entry["by"]].id,
            content=entry["text"],
            created_at=post.created_at + timedelta(hours=entry["hours"]),
        )
        for number, entry in enumerate(entries, start=1)
    ]

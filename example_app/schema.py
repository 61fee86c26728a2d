"""The blog's GraphQL schema. No field names a tenant: that comes from the verified token."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry import TenantSession, requires_scope
from fraiseql_strawberry.lifecycle import TenantRecord

log = logging.getLogger("example_app")


@fraiseql.type(sql_source="v_user")
class User:
    """Somebody who writes for the blog."""

    id: UUID
    name: str
    email: str


@fraiseql.type(sql_source="v_comment")
class Comment:
    """What somebody said about a post."""

    id: UUID
    content: str
    created_at: datetime
    user_id: fraiseql.Private[UUID]
    author: User = fraiseql.relation(local="user_id", remote="id")


@fraiseql.type(sql_source="v_post")
class Post:
    """A post, or a draft of one."""

    id: UUID
    title: str
    content: str
    published: bool
    created_at: datetime
    user_id: fraiseql.Private[UUID]
    author: User | None = fraiseql.relation(local="user_id", remote="id")
    comments: list[Comment] = fraiseql.relation(
        remote="post_id", order_by="created_at, id", limit=50
    )


@fraiseql.query(sql_source="v_post", order_by="-created_at, id")
def posts(limit: int = 20, offset: int = 0, published: bool | None = None) -> list[Post]:
    """The tenant's posts, the newest first."""
    ...


@fraiseql.query(sql_source="v_post", id_arg="id")
def post(id: UUID) -> Post | None:
    """One post; another tenant's does not exist."""
    ...


@fraiseql.query(sql_source="v_post", order_by="-created_at, id", auto_params=True)
def search_posts(limit: int = 20) -> list[Post]:
    """The tenant's posts, as the client wants them filtered and ordered."""
    ...


@fraiseql.query(sql_source="v_post", order_by="-created_at, id", relay=True, where=["published"])
def feed() -> list[Post]:
    """The tenant's posts, page by page, the newest first."""
    ...


@fraiseql.query(sql_source="v_user", order_by="name, id")
def users(limit: int = 20, offset: int = 0) -> list[User]:
    """Those who write for the tenant."""
    ...


@fraiseql.mutation
@requires_scope("write:posts")
async def create_post(info, session: TenantSession, title: str, content: str) -> Post:
    """Write a draft. The tenant's column has a default, so no statement names it."""
    insert = text(
        "INSERT INTO tb_post (user_id, title, content) VALUES "
        "((SELECT id FROM tb_user WHERE id::text = :user_id), :title, :content) RETURNING id"
    )
    values = {"user_id": info.context["user_id"], "title": title, "content": content}
    return await fraiseql.load(Post, session, id=await session.scalar(insert, values))


@fraiseql.mutation
@requires_scope("write:posts")
async def publish_post(session: TenantSession, id: UUID) -> Post | None:
    """Publish a draft; another tenant's does not exist, so nothing happens to it."""
    update = text("UPDATE tb_post SET published = true WHERE id = :id RETURNING id")
    found = await session.scalar(update, {"id": id})
    return await fraiseql.load(Post, session, id=found) if found else None


@fraiseql.mutation(sql_source="tb_post", operation="update")
@requires_scope("write:posts")
def update_post(id: UUID, title: str | None = None, content: str | None = None) -> Post | None:
    """Write a post anew; what is left out stays as it is."""
    ...


@fraiseql.type
class Tenant:
    """A blog of its own."""

    id: UUID
    name: str
    plan: str
    status: str


@fraiseql.mutation(tenant=False)
@requires_scope("admin:tenants")
async def provision_tenant(info, name: str, plan: str) -> Tenant:
    """Make a tenant, with its schema or database where it has one, and its first rows."""
    made = await info.context["tenants"].create(name, plan, seed=write_first_rows)
    # What was written down, as the administrator reads it.
    record = await info.context["admin_db"].fetchrow(
        "SELECT id, name, plan, status FROM fraiseql.tenants WHERE id = $1", UUID(made.id)
    )
    return Tenant(**dict(record))


async def write_first_rows(session: AsyncSession, tenant: TenantRecord) -> None:
    """What a new blog begins with; written with the rights that its requests have."""
    author = text("INSERT INTO tb_user (name, email) VALUES (:name, 'editor@example.com')")
    await session.execute(author, {"name": f"Editor of {tenant.name}"})
    post = text(
        "INSERT INTO tb_post (user_id, title, content) "
        "SELECT id, :title, 'A draft to begin with' FROM tb_user"
    )
    await session.execute(post, {"title": "Welcome"})


@fraiseql.middleware
async def audit_tenant_access(request, next):
    """Say who did what, once per operation."""
    outcome = await next(request)
    log.info(
        "tenant=%s user=%s operation=%s errors=%d",
        request.context.get("tenant_id"),
        request.auth.claims.get("sub"),
        request.operation_name,
        len(outcome.errors),
    )
    return outcome

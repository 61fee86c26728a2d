"""The public API as its users type it: pyright reads this file, nothing runs it.

An `ignore` that has become needless is an error too, so what must be refused stays refused.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, assert_type
from uuid import UUID

import strawberry
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from strawberry.fastapi import BaseContext
from strawberry.fastapi import GraphQLRouter as StrawberryRouter

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.config import Config
from fraiseql_strawberry.errors import BadUserInput, TenantUnavailable
from fraiseql_strawberry.events import Event, OperationServed, TenantResolved

# -- types ------------------------------------------------------------------------------------


@fraiseql.type(sql_source="v_user")
class User:
    id: UUID
    name: str


@fraiseql.type(sql_source="v_comment", description="What somebody said")
class Comment:
    id: UUID
    content: str
    parent_id: fraiseql.Private[UUID | None]
    parent: Comment | None = fraiseql.relation()


@fraiseql.type(sql_source="app.v_post")
class Post:
    id: UUID
    title: str
    created_at: datetime
    user_id: fraiseql.Private[UUID]
    author: User = fraiseql.relation(local="user_id", remote="id")
    comments: list[Comment] = fraiseql.relation(remote="post_id", order_by="created_at", limit=10)
    tags: list[User] = fraiseql.relation(through=("tb_post_tag", "post_id", ("tag_id",)))

    @fraiseql.field
    def initial(self) -> str:
        return self.title[0]


@fraiseql.type
class Plain:
    count: int


@fraiseql.input
class NewPost:
    title: str


@fraiseql.enum
class PostOrder(Enum):
    NEWEST = "-created_at"


def attributes(post: Post) -> None:
    assert_type(post.id, UUID)
    assert_type(post.author, User)
    assert_type(post.comments, list[Comment])
    assert_type(post.comments[0].parent, Comment | None)
    assert_type(Plain(count=1).count, int)
    assert_type(NewPost(title="x").title, str)
    Plain(count="1")  # pyright: ignore[reportArgumentType]
    Plain()  # pyright: ignore[reportCallIssue]


# -- operations -------------------------------------------------------------------------------


@fraiseql.query(sql_source="v_post", order_by="-created_at, id")
def posts(
    limit: int = 20, published: bool | None = None, order_by: PostOrder | None = None
) -> list[Post]: ...


@fraiseql.query(sql_source="v_post", id_arg="id", description="One post")
def post(id: UUID) -> Post | None: ...


@fraiseql.query
def greeting(info: strawberry.Info) -> str:
    return str(info.context["tenant_id"])


@fraiseql.mutation
@fraiseql.requires_scope("write:posts", "read:posts")
async def create_post(
    info: strawberry.Info, session: fraiseql.TenantSession, data: NewPost
) -> Post:
    assert_type(session, AsyncSession)
    new_id = await session.scalar(text("SELECT 1"))
    loaded = await fraiseql.load(Post, session, id=new_id)
    assert_type(loaded, Post)
    return loaded


@fraiseql.mutation(atomic=True, name="publish")
def publish_post(session: fraiseql.SyncTenantSession, id: UUID) -> bool:
    assert_type(session, Session)
    return True


@fraiseql.mutation(tenant=False)
async def log_in(email: str) -> str:
    raise BadUserInput("Wrong", hint="for the log", extensions={"argument": "email"})


@fraiseql.requires_scope("read:posts")
async def guarded(number: int) -> str:
    return str(number)


async def a_guarded_function_keeps_its_type() -> None:
    assert_type(await guarded(1), str)
    await guarded("1")  # pyright: ignore[reportArgumentType]


@fraiseql.middleware
async def audit(request: Any, next: Any) -> Any:
    return await next(request)


# -- serving ----------------------------------------------------------------------------------


def observer(event: Event) -> None:
    match event:
        case TenantResolved(tenant_id=tenant_id):
            assert_type(tenant_id, str)
        case OperationServed(tenant_id=tenant_id):
            assert_type(tenant_id, str | None)
        case _:
            pass


class MyContext(BaseContext):
    pass


class MySession(AsyncSession):
    pass


def a_new_app() -> FastAPI:
    tenancy = fraiseql.Tenancy.from_toml("fraiseql.toml", observers=[observer])
    assert_type(tenancy, fraiseql.Tenancy)
    schema = fraiseql.build_schema([posts, post, create_post, audit], middleware=[audit])
    assert_type(schema.as_str(), str)
    app = FastAPI(lifespan=tenancy.lifespan)
    router = fraiseql.GraphQLRouter(schema, tenancy=tenancy, context_getter=MyContext)
    app.include_router(router, prefix="/graphql")
    return app


def an_existing_service(app: FastAPI, engine: AsyncEngine) -> None:
    tenancy = fraiseql.Tenancy(
        Config.from_env(),
        engine=engine,
        session_class=MySession,
        middleware=[audit],
        strategy="row",
    )
    tenancy.install(app)
    fraiseql.Tenancy(engine="postgresql://")  # pyright: ignore[reportArgumentType]

    @app.get("/posts")
    @fraiseql.requires_scope("read:posts")
    async def list_posts(session: fraiseql.TenantSession) -> Sequence[str]:
        assert_type(session, AsyncSession)
        return (await session.scalars(text("SELECT title FROM v_post"))).all()

    @app.get("/count")
    def count(session: fraiseql.SyncTenantSession) -> int:
        assert_type(session, Session)
        return session.scalar(text("SELECT count(*) FROM v_post")) or 0

    @app.get("/me")
    async def me(tenant_id: fraiseql.CurrentTenant) -> str:
        assert_type(tenant_id, str)
        return tenant_id


def an_existing_schema(tenancy: fraiseql.Tenancy) -> StrawberryRouter[Any, Any]:
    @strawberry.type
    class Query:
        @strawberry.field(extensions=[fraiseql.inject])
        async def count(self, session: fraiseql.TenantSession) -> int:
            return await session.scalar(text("SELECT count(*) FROM v_post")) or 0

    schema = strawberry.Schema(Query, extensions=[tenancy.extension])
    return StrawberryRouter(schema, context_getter=tenancy.context(MyContext))


async def a_job(tenancy: fraiseql.Tenancy) -> None:
    async with tenancy, tenancy.as_tenant("1111"), tenancy.session() as session:
        assert_type(session, AsyncSession)
    try:
        await tenancy.ready()
    except TenantUnavailable as error:
        assert_type(error.code, str)
        assert_type(error.retry_after, int | None)


async def a_stream(tenancy: fraiseql.Tenancy) -> AsyncIterator[str]:
    async with tenancy.session() as session:
        async for title in await session.stream_scalars(text("SELECT title FROM v_post")):
            yield title


def a_tenant(tenant: fraiseql.Tenant) -> None:
    assert_type(tenant.id, str)
    assert_type(tenant.name, str | None)
    tenant.id = "another"  # pyright: ignore[reportAttributeAccessIssue]
    try:
        a_tenant(tenant)
    except fraiseql.TenancyError as error:
        assert_type(error.status, int)

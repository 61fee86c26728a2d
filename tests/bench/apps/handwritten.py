"""The service that a competent team writes without us: FastAPI, Strawberry and SQLAlchemy.

A session per request as a dependency, in one transaction that sets the tenant first; ORM models;
resolvers; DataLoaders for relations. As "handwritten-cached" also with what such a team adds when
it profiles: caches for parsed and validated documents and for verified tokens, and
orjson.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import orjson
import strawberry
from fastapi import Depends, FastAPI, Header, HTTPException
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from sqlalchemy import DateTime, func, or_, select, text
from sqlalchemy import insert as insert_rows
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.fastapi import BaseContext, GraphQLRouter

__all__ = ["app"]

CACHED = os.environ["CONTESTANT"] == "handwritten-cached"
KEY = OctKey.import_key(os.environ["JWT_SECRET"])
RULES = jwt.JWTClaimsRegistry(
    exp={"essential": True}, sub={"essential": True}, tenant_id={"essential": True}
)
SET_TENANT = text("SELECT set_config('app.tenant_id', :tenant, true)")
LIST_POSTS = text(
    "SELECT id, title, published, created_at FROM v_post ORDER BY created_at DESC, id LIMIT :limit"
)

engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:", 1),
    pool_size=int(os.environ["POOL_SIZE"]),
    max_overflow=0,
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
verified: dict[str, dict[str, Any]] = {}


class Row(DeclarativeBase):
    pass


class UserRow(Row):
    __tablename__ = "tb_user"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]


class PostRow(Row):
    __tablename__ = "tb_post"
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    user_id: Mapped[UUID]
    title: Mapped[str]
    content: Mapped[str]
    published: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class CommentRow(Row):
    __tablename__ = "tb_comment"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    post_id: Mapped[UUID]
    user_id: Mapped[UUID]
    content: Mapped[str]
    created_at: Mapped[datetime]


class Context(BaseContext):
    def __init__(self, session: AsyncSession, claims: dict[str, Any]) -> None:
        super().__init__()
        self.session = session
        self.claims = claims
        # Loaders of one level run at the same time, and a session does one thing at a time.
        self.turn = asyncio.Lock()
        self.users = DataLoader(load_fn=self._load_users)
        self.comments = DataLoader(load_fn=self._load_comments)

    async def _load_users(self, ids: list[UUID]) -> list[UserRow]:
        async with self.turn:
            rows = await self.session.scalars(select(UserRow).where(UserRow.id.in_(ids)))
        found = {row.id: row for row in rows}
        return [found[id] for id in ids]

    async def _load_comments(self, keys: list[tuple[UUID, int]]) -> list[list[CommentRow]]:
        limit = max(limit for _, limit in keys)
        place = func.row_number().over(
            partition_by=CommentRow.post_id, order_by=(CommentRow.created_at, CommentRow.id)
        )
        ranked = (
            select(CommentRow.id, place.label("place"))
            .where(CommentRow.post_id.in_({post_id for post_id, _ in keys}))
            .subquery()
        )
        wanted = (
            select(CommentRow)
            .join(ranked, ranked.c.id == CommentRow.id)
            .where(ranked.c.place <= limit)
            .order_by(CommentRow.created_at, CommentRow.id)
        )
        async with self.turn:
            rows = await self.session.scalars(wanted)
        found: dict[UUID, list[CommentRow]] = defaultdict(list)
        for row in rows:
            found[row.post_id].append(row)
        return [found[post_id][:limit] for post_id, limit in keys]


Info = strawberry.Info[Context, None]


@strawberry.type
class User:
    id: UUID
    name: str
    email: str

    @classmethod
    def of(cls, row: UserRow) -> User:
        return cls(id=row.id, name=row.name, email=row.email)


@strawberry.type
class Comment:
    id: UUID
    content: str
    created_at: datetime
    user_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, row: CommentRow) -> Comment:
        return cls(id=row.id, content=row.content, created_at=row.created_at, user_id=row.user_id)

    @strawberry.field
    async def author(self, info: Info) -> User:
        return User.of(await info.context.users.load(self.user_id))


@strawberry.type
class Post:
    id: UUID
    title: str
    content: str
    published: bool
    created_at: datetime
    user_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, row: PostRow) -> Post:
        return cls(
            id=row.id,
            title=row.title,
            content=row.content,
            published=row.published,
            created_at=row.created_at,
            user_id=row.user_id,
        )

    @strawberry.field
    async def author(self, info: Info) -> User:
        return User.of(await info.context.users.load(self.user_id))

    @strawberry.field
    async def comments(self, info: Info, limit: int = 20) -> list[Comment]:
        rows = await info.context.comments.load((self.id, min(limit, 1000)))
        return [Comment.of(row) for row in rows]


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class PostEdge:
    node: Post


@strawberry.type
class PostPage:
    edges: list[PostEdge]
    page_info: PageInfo


@strawberry.enum
class PostColumn(Enum):
    PUBLISHED = "published"


@strawberry.type
class PostKeys:
    published: bool


@strawberry.type
class PostGroup:
    keys: PostKeys
    count: int


@strawberry.type
class PostsAggregate:
    @strawberry.field
    async def count(self, info: Info) -> int:
        async with info.context.turn:
            found = await info.context.session.scalar(select(func.count()).select_from(PostRow))
        return found or 0

    @strawberry.field
    async def group_by(self, info: Info, columns: list[PostColumn]) -> list[PostGroup]:
        by = [getattr(PostRow, column.value) for column in columns]
        wanted = select(*by, func.count()).group_by(*by).order_by(*by)
        async with info.context.turn:
            rows = await info.context.session.execute(wanted)
        return [PostGroup(keys=PostKeys(published=key), count=count) for key, count in rows]


@strawberry.type
class Query:
    @strawberry.field
    async def posts(
        self, info: Info, limit: int = 20, offset: int = 0, published: bool | None = None
    ) -> list[Post]:
        wanted = (
            select(PostRow)
            .order_by(PostRow.created_at.desc(), PostRow.id)
            .limit(min(limit, 1000))
            .offset(offset)
        )
        if published is not None:
            wanted = wanted.where(PostRow.published == published)
        async with info.context.turn:
            rows = await info.context.session.scalars(wanted)
        return [Post.of(row) for row in rows]

    @strawberry.field
    async def post(self, info: Info, id: UUID) -> Post | None:
        async with info.context.turn:
            row = await info.context.session.get(PostRow, id)
        return Post.of(row) if row else None

    @strawberry.field
    async def feed(self, info: Info, first: int = 20, after: str | None = None) -> PostPage:
        length = min(first, 1000)
        wanted = select(PostRow).order_by(PostRow.created_at.desc(), PostRow.id).limit(length + 1)
        if after is not None:
            at, id_ = orjson.loads(base64.b64decode(after))
            moment = datetime.fromisoformat(at)
            wanted = wanted.where(
                PostRow.created_at <= moment,
                or_(PostRow.created_at < moment, PostRow.id > UUID(id_)),
            )
        async with info.context.turn:
            found = (await info.context.session.scalars(wanted)).all()
        rows = found[:length]
        last = [[row.created_at, str(row.id)] for row in rows[-1:]]
        cursor = base64.b64encode(orjson.dumps(last[0])).decode() if last else None
        return PostPage(
            edges=[PostEdge(node=Post.of(row)) for row in rows],
            page_info=PageInfo(has_next_page=len(found) > length, end_cursor=cursor),
        )

    @strawberry.field
    async def posts_aggregate(self) -> PostsAggregate:
        return PostsAggregate()

    @strawberry.field
    async def viewer(self, info: Info) -> str:
        return info.context.claims["sub"]


@strawberry.input
class NewPost:
    user_id: UUID
    title: str
    content: str


def check_scope(info: Info) -> None:
    if "write:posts" not in info.context.claims.get("scope", "").split():
        raise PermissionError("write:posts is needed")


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def create_post(self, info: Info, title: str, content: str) -> Post:
        check_scope(info)
        row = PostRow(user_id=UUID(info.context.claims["sub"]), title=title, content=content)
        info.context.session.add(row)
        await info.context.session.flush()
        await info.context.session.refresh(row)
        return Post.of(row)

    @strawberry.mutation
    async def add_post(self, info: Info, user_id: UUID, title: str, content: str) -> Post:
        check_scope(info)
        row = PostRow(user_id=user_id, title=title, content=content)
        info.context.session.add(row)
        await info.context.session.flush()
        await info.context.session.refresh(row)
        return Post.of(row)

    @strawberry.mutation
    async def add_posts(self, info: Info, posts: list[NewPost]) -> list[Post]:
        check_scope(info)
        values = [
            {"user_id": post.user_id, "title": post.title, "content": post.content}
            for post in posts
        ]
        insert = insert_rows(PostRow).returning(PostRow, sort_by_parameter_order=True)
        rows = await info.context.session.scalars(insert, values)
        return [Post.of(row) for row in rows]


class QuickRouter(GraphQLRouter[Context, None]):
    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)


def verify(token: str) -> dict[str, Any]:
    try:
        claims = jwt.decode(token, KEY, algorithms=["HS256"]).claims
        RULES.validate(claims)
    except JoseError as error:
        raise HTTPException(401, "The token is not valid") from error
    return claims


def verify_once(token: str) -> dict[str, Any]:
    claims = verified.get(token)
    if claims is None or claims["exp"] < time.time():
        if len(verified) > 10_000:
            verified.clear()
        claims = verified[token] = verify(token)
    return claims


async def current_claims(authorization: Annotated[str, Header()]) -> dict[str, Any]:
    token = authorization.removeprefix("Bearer ")
    return verify_once(token) if CACHED else verify(token)


Claims = Annotated[dict[str, Any], Depends(current_claims)]


async def tenant_session(claims: Claims) -> AsyncIterator[AsyncSession]:
    async with sessions() as session, session.begin():
        await session.execute(SET_TENANT, {"tenant": claims["tenant_id"]})
        yield session


# scope="function": it commits before the response is sent.
TenantSession = Annotated[AsyncSession, Depends(tenant_session, scope="function")]


async def context(session: TenantSession, claims: Claims) -> Context:
    return Context(session, claims)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()


caches = [lambda: ParserCache(maxsize=1000), lambda: ValidationCache(maxsize=1000)]
schema = strawberry.Schema(Query, Mutation, extensions=caches if CACHED else [])
router_class = QuickRouter if CACHED else GraphQLRouter
app = FastAPI(lifespan=lifespan)
app.include_router(router_class(schema, context_getter=context), prefix="/graphql")


@app.get("/posts")
async def list_posts(claims: Claims, limit: int = 20) -> Sequence[dict[str, Any]]:
    async with sessions() as session, session.begin():
        await session.execute(SET_TENANT, {"tenant": claims["tenant_id"]})
        rows = await session.execute(LIST_POSTS, {"limit": limit})
        return [dict(row) for row in rows.mappings()]

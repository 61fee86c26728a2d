"""A small schema and its catalog, for tests of the compiler that need no database."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from graphql import parse, validate

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.graphql.compiler import (
    Bound,
    Compiled,
    SchemaIndex,
    Settings,
    StepAside,
    compile_operation,
    normalise,
)
from fraiseql_strawberry.sql.catalog import Catalog

SETTINGS = Settings(
    first_parameter=1, max_limit=100, default_limit=30, max_cost=20_000, max_shapes=4
)


@strawberry.enum
class State(enum.Enum):
    DRAFT = "draft"
    LIVE = "live"


@strawberry.enum
class PostOrder(enum.Enum):
    NEWEST = "-created_at, id"
    TITLE = "title"


class Allow(strawberry.BasePermission):
    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return True


@fraiseql.type(sql_source="v_user")
class User:
    id: UUID
    name: str
    posts: list[Post] = fraiseql.relation(remote="user_id", order_by="-created_at", limit=10)
    friends: list[User] = fraiseql.relation(through=("app.tb_friend", "user_id", "friend_id"))
    secret: str = strawberry.field(permission_classes=[Allow])


@fraiseql.type(sql_source="v_post")
class Post:
    id: UUID
    title: str
    state: State | None
    created_at: datetime
    views: int
    rating: float | None
    user_id: fraiseql.Private[UUID]
    author: User = fraiseql.relation(local="user_id")

    @strawberry.field
    def shout(self) -> str:
        return self.title.upper()


@fraiseql.query(sql_source="v_post", order_by="-created_at")
def posts(
    limit: int = 20,
    offset: int | None = None,
    title: str | None = None,
    state: State | None = None,
    ids: list[UUID] | None = None,
    order_by: PostOrder | None = None,
) -> list[Post]: ...


@fraiseql.query(sql_source="v_post", id_arg="id")
def post(id: UUID) -> Post | None: ...


@fraiseql.query(sql_source="v_user")
def users() -> list[User]: ...


@fraiseql.query(sql_source="v_user")
def people(limit: int | None = 5) -> list[User]: ...


@fraiseql.query
async def hello() -> str:
    return "hello"


@fraiseql.mutation
async def shout() -> str:
    return "hey"


schema = fraiseql.build_schema([posts, post, users, people, hello, shout])
INDEX = SchemaIndex(schema)


def rows(source: str, **types: str) -> list[dict[str, Any]]:
    """What the catalog's query returns for one source; `status:a,b` is an enum's type."""
    return [
        {
            "source": source,
            "column": column,
            "type": type_.partition(":")[0].removesuffix("[]"),
            "is_array": type_.endswith("[]"),
            "not_null": False,
            "readable": True,
            "source_schema": None,
            "type_schema": None if ":" in type_ else "pg_catalog",
            "labels": type_.partition(":")[2].split(",") if ":" in type_ else None,
        }
        for column, type_ in types.items()
    ]


ROWS = [
    *rows('"v_user"', id="uuid", name="text", secret="text"),
    *rows(
        '"v_post"',
        id="uuid",
        title="text",
        state="state:draft,live",
        created_at="timestamptz",
        views="int8",
        rating="float8",
        user_id="uuid",
        ids="uuid",
    ),
    *rows('"app"."tb_friend"', user_id="uuid", friend_id="uuid"),
]
CATALOG = Catalog.read(ROWS)


def compile_text(text: str, *, settings: Settings = SETTINGS) -> Compiled | StepAside:
    document = parse(text)
    assert validate(INDEX.schema, document) == []
    return compile_operation(INDEX, document, None, CATALOG, settings, lifted=normalise(text))


def bind(text: str, variables: dict[str, Any] | None = None) -> Bound:
    program = compile_text(text)
    assert isinstance(program, Compiled), program
    bound = program.bind(variables, normalise(text).literals)
    assert isinstance(bound, Bound), bound
    return bound


def reason(text: str, variables: dict[str, Any] | None = None) -> str:
    program = compile_text(text)
    if isinstance(program, Compiled):
        program = program.bind(variables, normalise(text).literals)
    assert isinstance(program, StepAside)
    return program.reason

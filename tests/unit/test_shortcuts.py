"""Resolvers of ours are called at once; what the user's code stands around goes the whole way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import FieldNode, NameNode
from strawberry.extensions import FieldExtension

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.errors import Unauthorized
from fraiseql_strawberry.graphql.relation import RELATED
from fraiseql_strawberry.graphql.shortcuts import shorten


class Allow(strawberry.BasePermission):
    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return True


class Looking(FieldExtension):
    """Looks at arguments and value."""


@fraiseql.type(sql_source="v_user")
class User:
    id: int


@fraiseql.type(sql_source="v_post")
class Post:
    id: int
    author: User | None = fraiseql.relation()
    readers: list[User] = fraiseql.relation(remote="post_id", permission_classes=[Allow])


@strawberry.input
class Wanted:
    id: int


@fraiseql.query(sql_source="v_post", id_arg="id")
def post(id: int) -> Post | None: ...


@fraiseql.query(sql_source="v_post", id_arg="id", extensions=[Looking()])
def seen(id: int) -> Post | None: ...


@fraiseql.query(sql_source="v_post", id_arg="id")
def wanted(id: list[Wanted]) -> Post | None: ...


@fraiseql.query
async def hello() -> str:
    return "hello"


def fields_of(type_: str, schema: Any) -> dict[str, Any]:
    return {name: field.resolve for name, field in schema._schema.type_map[type_].fields.items()}


def changed(type_: str) -> set[str]:
    schema = fraiseql.build_schema([post, seen, wanted, hello])
    before = fields_of(type_, schema)
    shorten(schema)
    after = fields_of(type_, schema)
    shorten(schema)
    assert {**fields_of(type_, schema), **before}.keys() == after.keys()
    if type_ == "Post":
        assert fields_of(type_, schema) == after  # a second tenancy changes nothing
    return {name for name, resolve in after.items() if resolve is not before[name]}


def test_only_what_nothing_stands_around() -> None:
    assert changed("Post") == {"author"}
    assert changed("Query") == {"post"}


def node() -> FieldNode:
    return FieldNode(name=NameNode(value="author"))


def info(*nodes: FieldNode) -> Any:
    return SimpleNamespace(path=SimpleNamespace(key="author"), field_nodes=list(nodes))


def test_what_was_read_with_its_parent_is_handed_over() -> None:
    schema = fraiseql.build_schema([post])
    shorten(schema)
    here, ada, found = node(), User(id=2), Post(id=1)
    found.__dict__[RELATED] = {"author": ((here,), ada)}
    assert fields_of("Post", schema)["author"](found, info(here), limit=3) is ada


def test_what_was_not_read_goes_the_whole_way() -> None:
    schema = fraiseql.build_schema([post])
    field: Any = schema._schema.type_map["Post"]
    calls: list[Any] = []
    field.fields["author"].resolve = lambda *args, **kwargs: calls.append((args, kwargs)) or "far"
    shorten(schema)
    here, alone = info(node()), Post(id=1)
    assert field.fields["author"].resolve(alone, here, limit=3) == "far"
    assert calls == [((alone, here), {"limit": 3})]


async def test_a_source_is_read_under_the_same_guards() -> None:
    schema = fraiseql.build_schema([post])
    shorten(schema)
    with pytest.raises(Unauthorized):
        await fields_of("Query", schema)["post"](None, info(node()), id=1)

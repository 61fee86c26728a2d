"""What was read with its parent is handed over; anything else goes the whole way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import strawberry
from graphql import FieldNode, NameNode

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.graphql.relation import (
    NOT_READ,
    RELATED,
    hand_over_prefetched,
    prefetched,
)


class Allow(strawberry.BasePermission):
    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return True


@fraiseql.type(sql_source="v_user")
class User:
    id: int


@fraiseql.type(sql_source="v_post")
class Post:
    id: int
    author: User | None = fraiseql.relation()
    readers: list[User] = fraiseql.relation(remote="post_id", permission_classes=[Allow])


@fraiseql.query(sql_source="v_post", id_arg="id")
def post(id: int) -> Post | None: ...


def node(name: str = "author") -> FieldNode:
    return FieldNode(name=NameNode(value=name))


def info(*nodes: FieldNode, key: str = "author") -> Any:
    return SimpleNamespace(path=SimpleNamespace(key=key), field_nodes=list(nodes))


def parent(value: Any, *nodes: FieldNode) -> Post:
    found = Post(id=1)
    found.__dict__[RELATED] = {"author": (nodes, value)}
    return found


def test_a_value_belongs_to_the_nodes_it_was_read_for() -> None:
    one, two, ada = node(), node(), User(id=2)
    assert prefetched(parent(ada, one, two), info(one, two)) is ada
    assert prefetched(parent(None, one), info(one)) is None
    for elsewhere in (info(two), info(one, two), info(two, one), info(one, key="other")):
        assert prefetched(parent(ada, one), elsewhere) is NOT_READ
    assert prefetched(Post(id=1), info(one)) is NOT_READ
    assert prefetched(None, info(one)) is NOT_READ


def test_it_is_handed_over_without_strawberrys_resolver() -> None:
    schema = fraiseql.build_schema([post])
    fields: Any = schema._schema.type_map["Post"]
    before = {name: field.resolve for name, field in fields.fields.items()}
    hand_over_prefetched(schema)
    after = {name: field.resolve for name, field in fields.fields.items()}
    changed = {name for name, resolve in after.items() if resolve is not before[name]}
    assert changed == {"author"}  # a permission class stands before the other
    here, ada = node(), User(id=2)
    assert after["author"](parent(ada, here), info(here), limit=3) is ada
    hand_over_prefetched(schema)
    assert fields.fields["author"].resolve is after["author"]


def test_what_was_not_read_goes_the_whole_way() -> None:
    schema = fraiseql.build_schema([post])
    field: Any = schema._schema.type_map["Post"]
    calls: list[Any] = []
    field.fields["author"].resolve = lambda *args, **kwargs: calls.append((args, kwargs)) or "far"
    hand_over_prefetched(schema)
    here = info(node())
    alone = Post(id=1)
    assert field.fields["author"].resolve(alone, here, limit=3) == "far"
    assert calls == [((alone, here), {"limit": 3})]

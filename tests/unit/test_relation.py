"""A relation that was read with its parent, for one place in a document."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from graphql import FieldNode, NameNode

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.graphql.relation import NOT_READ, RELATED, prefetched


@fraiseql.type(sql_source="v_user")
class User:
    id: int


@fraiseql.type(sql_source="v_post")
class Post:
    id: int
    author: User | None = fraiseql.relation()


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

from __future__ import annotations

import pytest

from fraiseql_strawberry.errors import SchemaError
from fraiseql_strawberry.graphql.compiler.unread import unread_objects


@pytest.mark.parametrize(
    ("json", "many"), [({}, True), ("text", True), ([], False), ([{}], False), (7, False)]
)
def test_what_is_not_what_it_should_be_is_null(json: object, many: bool) -> None:
    assert unread_objects("Post.author", many=many)(json) is None


def test_an_empty_list_is_known() -> None:
    assert unread_objects("Post.comments", many=True)([]) == []


def test_whoever_looks_into_an_object_is_told_why_it_is_not_there() -> None:
    author = unread_objects("Post.author", many=False)({})
    comments = unread_objects("Post.comments", many=True)([{}])
    for look in (lambda: author.name, lambda: list(comments), lambda: len(comments)):
        with pytest.raises(SchemaError, match=r"Post\.\w+ holds a type inside of itself"):
            look()

"""The types made for an aggregate, and declarations that make no sense."""

from __future__ import annotations

import re
from typing import Any

import pytest
import strawberry
from graphql import parse

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.errors import SchemaError
from fraiseql_strawberry.graphql.compiler import SchemaIndex, compile_operation, normalise
from fraiseql_strawberry.graphql.compiler.compile import Bound, Compiled
from tests.unit.compiler_blog import CATALOG, SETTINGS, Post, User, posts, users
from tests.unit.test_citus_sql import distributed


@fraiseql.query(sql_source="v_post", aggregate=["views", "state"])
def posts_aggregate(title: str | None = None) -> list[Post]: ...


@fraiseql.query(sql_source="v_user", aggregate=True)
def people() -> list[User]: ...


def sdl(*fields: Any) -> str:
    text = fraiseql.build_schema([posts, users, *fields]).as_str()
    return re.sub(r'"""(?s:.)*?"""\n', "", text)


def fields_of(text: str, name: str) -> list[str]:
    found = re.search(rf"(?:type|enum) {name} {{\n(.*?)\n}}", text, re.DOTALL)
    assert found, name
    return [line.strip() for line in found[1].splitlines() if line.strip()]


def test_columns_are_those_that_were_named() -> None:
    text = sdl(posts_aggregate)
    assert fields_of(text, "PostsAggregateColumn") == ["STATE", "VIEWS"]
    assert fields_of(text, "PostsAggregateSum") == ["views: BigInt"]
    assert fields_of(text, "PostsAggregateAvg") == ["views: Decimal"]
    assert fields_of(text, "PostsAggregateMin") == ["views: Int"]
    assert fields_of(text, "PostsAggregateKeys") == ["state: State", "views: Int"]
    assert "postsAggregate(title: String = null): PostsAggregate!" in text


def test_a_field_with_a_permission_class_is_not_offered_unless_it_is_named() -> None:
    text = sdl(people)
    assert fields_of(text, "UserAggregateColumn") == ["ID", "NAME"]
    assert "UserAggregateSum" not in text  # nothing to add up

    @fraiseql.query(sql_source="v_user", aggregate=["secret"])
    def secrets() -> list[User]: ...

    assert fields_of(sdl(secrets), "SecretsAggregateColumn") == ["SECRET"]


def test_several_fields_share_what_is_the_same() -> None:
    @fraiseql.query(sql_source="v_user", aggregate=True)
    def others() -> list[User]: ...

    text = sdl(people, others)
    assert text.count("type UserAggregate {") == 1
    assert "others: UserAggregate!" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aggregate": True, "relay": True}, "no order and no pages"),
        ({"aggregate": True, "order_by": "id"}, "no order and no pages"),
        ({"aggregate": []}, "name the columns in a list"),
        ({"aggregate": "views"}, "name the columns in a list"),
        ({"aggregate": ["author.name"]}, "a column of another type's"),
        ({"aggregate": True, "auto_params": ["limit"]}, "takes where only"),
        ({"aggregate": True, "sql_source": None}, "need a sql_source"),
    ],
)
def test_what_makes_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):

        @fraiseql.query(**{"sql_source": "v_post", **options})
        def few() -> list[Post]: ...


def test_a_limit_makes_no_sense() -> None:
    with pytest.raises(SchemaError, match="take 'limit' out"):

        @fraiseql.query(sql_source="v_post", aggregate=True)
        def few(limit: int = 5) -> list[Post]: ...


def test_a_name_that_is_no_column() -> None:
    @fraiseql.query(sql_source="v_post", aggregate=["view"])
    def few() -> list[Post]: ...

    with pytest.raises(SchemaError, match='no column or relation "view"; did you mean "views"'):
        sdl(few)


def test_rows_have_to_be_a_list() -> None:
    @fraiseql.query(sql_source="v_post", aggregate=True)
    def few() -> Post: ...

    with pytest.raises(SchemaError, match=r"aggregate= needs a list: -> list\[Post\]"):
        sdl(few)


def test_the_type_of_the_rows_has_to_be_in_the_schema() -> None:
    schema = fraiseql.build_schema([people])
    with pytest.raises(SchemaError, match=r"build it with types=\[User\]"):
        compiled(schema, "{ people { count } }", CATALOG)
    schema = fraiseql.build_schema([people], types=[User])
    assert "count(*)" in compiled(schema, "{ people { count } }", CATALOG)


def compiled(schema: strawberry.Schema, text: str, catalog: Any) -> str:
    lifted = normalise(text)
    program = compile_operation(
        SchemaIndex(schema), parse(text), None, catalog, SETTINGS, lifted=lifted
    )
    assert isinstance(program, Compiled), program
    bound = program.bind({}, lifted.literals)
    assert isinstance(bound, Bound), bound
    return bound.sql()


def test_every_read_names_the_tenant_of_distributed_tables() -> None:
    schema = fraiseql.build_schema([posts, users, posts_aggregate])
    text = "{ postsAggregate { count groupBy(columns: [STATE]) { count } } }"
    sql = compiled(schema, text, distributed())
    assert sql.count('FROM "v_post"') == sql.count('."tenant_id" = $1::text::uuid') == 2


def test_groups_are_bounded_in_the_order_of_their_keys() -> None:
    """Which of them a limit leaves is not up to the plan."""
    schema = fraiseql.build_schema([posts, users, posts_aggregate])
    text = "{ postsAggregate { groupBy(columns: [STATE, VIEWS], limit: 2) { count } } }"
    sql = compiled(schema, text, CATALOG)
    assert "GROUP BY 1, 2 ORDER BY 1, 2 LIMIT $1::int8)" in sql

"""The SQL of the compiler, letter by letter: whoever changes it sees here what changed."""

from __future__ import annotations

from uuid import UUID

import pytest

from fraiseql_strawberry.sql.catalog import ColumnType
from fraiseql_strawberry.sql.plan import (
    ColumnRef,
    Constant,
    Filter,
    Join,
    Keys,
    Nested,
    Parameter,
    Plan,
    Select,
    Value,
)
from fraiseql_strawberry.sql.render import render
from fraiseql_strawberry.sql.scalars import Scalar
from fraiseql_strawberry.sql.source import Source
from tests.unit.compiler_blog import bind

ID = UUID("11111111-1111-4111-8111-111111111111")


def test_a_list_with_a_to_one_relation() -> None:
    bound = bind("{ posts(limit: 2) { id title author { name } } }")
    assert bound.sql() == (
        'SELECT row_to_json(t$) FROM (SELECT ARRAY(SELECT t$2 FROM (SELECT t$1."id" AS "id", '
        't$1."title" AS "title", (SELECT t$4 FROM (SELECT t$3."name" AS "name" FROM "v_user" '
        'AS t$3 WHERE t$3."id" = t$1."user_id") AS t$4) AS "author" FROM "v_post" AS t$1 '
        'ORDER BY t$1."created_at" DESC LIMIT $1::int8) AS t$2) AS "posts") AS t$'
    )
    assert bound.args == [2]


def test_one_row_by_its_key() -> None:
    bound = bind(f'{{ p: post(id: "{ID}") {{ __typename }} }}')
    assert bound.sql() == (
        "SELECT row_to_json(t$) FROM (SELECT (SELECT t$2 FROM (SELECT 'Post' AS \"__typename\" "
        'FROM "v_post" AS t$1 WHERE t$1."id" = $1::uuid) AS t$2) AS "p") AS t$'
    )
    assert bound.args == [ID]


def test_lists_below_rows_are_bounded_and_ordered() -> None:
    bound = bind("{ users { posts(offset: 3) { id } } }")
    assert (
        'ARRAY(SELECT t$4 FROM (SELECT t$3."id" AS "id" FROM "v_post" AS t$3 '
        'WHERE t$3."user_id" = t$1."id" ORDER BY t$3."created_at" DESC LIMIT 10 OFFSET $1::int8) '
        'AS t$4) AS "posts" FROM "v_user" AS t$1 LIMIT 100' in bound.sql()
    )


def test_many_to_many_goes_through_its_link_table() -> None:
    bound = bind("{ users { friends { name } } }")
    assert (
        'FROM "v_user" AS t$3 JOIN "app"."tb_friend" AS t$5 ON t$5."friend_id" = t$3."id" '
        'WHERE t$5."user_id" = t$1."id" LIMIT 30' in bound.sql()
    )


def test_a_schema_qualifies_what_names_none() -> None:
    sql = bind("{ users { friends { name } } posts(state: LIVE) { id } }").sql('tenant_"a"')
    assert 'FROM "tenant_""a"""."v_user" AS t$1' in sql
    assert 'JOIN "app"."tb_friend"' in sql
    # An enum type of the source's own schema moves with it.
    assert '"state" = $1::text::"tenant_""a"""."state"' in sql


@pytest.mark.parametrize(
    ("arguments", "where", "args"),
    [
        ("", "", []),
        ("(title: null)", "", []),
        ('(title: "a\'b")', 'WHERE t$1."title" = $1::text', ["a'b"]),
        ("(state: DRAFT)", 'WHERE t$1."state" = $1::text::"state"', ["draft"]),
        (f'(ids: ["{ID}"])', 'WHERE t$1."ids" = ANY($1::uuid[])', [[ID]]),
        (f'(ids: "{ID}")', 'WHERE t$1."ids" = ANY($1::uuid[])', [[ID]]),
    ],
)
def test_filters_are_parameters_and_absent_ones_leave_nothing(
    arguments: str, where: str, args: list[object]
) -> None:
    bound = bind(f"{{ posts{arguments} {{ id }} }}")
    middle = f" {where}" if where else ""
    assert f'"v_post" AS t$1{middle} ORDER BY' in bound.sql()
    assert bound.args == args


@pytest.mark.parametrize(
    ("order", "sql"),
    [("NEWEST", 't$1."created_at" DESC, t$1."id"'), ("TITLE", 't$1."title"')],
)
def test_the_client_chooses_among_declared_orders(order: str, sql: str) -> None:
    assert f"ORDER BY {sql} LIMIT" in bind(f"{{ posts(orderBy: {order}) {{ id }} }}").sql()
    text = "query ($o: PostOrder) { posts(orderBy: $o) { id } }"
    assert f"ORDER BY {sql} LIMIT" in bind(text, {"o": order}).sql()


def test_values_that_graphql_cannot_express_are_marked() -> None:
    sql = bind("{ posts { views state } }").sql()
    assert (
        'CASE WHEN t$1."views" BETWEEN -2147483648 AND 2147483647 THEN to_json(t$1."views") '
        'WHEN t$1."views" IS NOT NULL THEN \'"\\u0000"\'::json END AS "views"' in sql
    )
    assert (
        "CASE t$1.\"state\"::text WHEN 'draft' THEN '\"DRAFT\"'::json WHEN 'live' THEN "
        '\'"LIVE"\'::json ELSE CASE WHEN t$1."state" IS NOT NULL THEN \'"\\u0000"\'::json END END'
        in sql
    )


def test_an_alias_of_the_clients_is_never_one_of_ours() -> None:
    sql = bind("{ t1: posts { t2: id d: title } }").sql()
    assert 'SELECT t$2 FROM (SELECT t$1."id" AS "t2"' in sql


def document(name: str, type_: str, *, array: bool = False) -> ColumnRef:
    return ColumnRef(name, ColumnType(type_, array), "data")


@pytest.mark.parametrize(
    ("ref", "sql"),
    [
        (document("it's", "text"), "(t$1.\"data\"->>'it''s')"),
        (document("n", "int8"), "(t$1.\"data\"->>'n')::int8"),
        (document("x", "jsonb"), "(t$1.\"data\"->'x')"),
        (
            document("tags", "text", array=True),
            "SELECT v::text FROM jsonb_array_elements_text(t$1.\"data\"->'tags') AS e(v)) END",
        ),
        (
            ColumnRef("tags", ColumnType("text", array=True), from_json=True),
            "CASE WHEN jsonb_typeof(t$1.\"tags\") = 'array' THEN ARRAY(SELECT v::text FROM jsonb",
        ),
    ],
)
def test_columns_inside_of_documents(ref: ColumnRef, sql: str) -> None:
    value = Value("k", ref, Scalar("string", int(ref.type.array)), True)
    plan = Plan((Nested("r", Select(Source("v"), (value,)), many=False, nullable=True),))
    text = render(plan).text()
    assert sql in text


def test_one_statement_for_the_relation_of_many_rows() -> None:
    key = ColumnRef("user_id", ColumnType("uuid"))
    join = Join((key,), (ColumnRef("id", ColumnType("uuid")),))
    select = Select(Source("v_user"), (Constant("k", "User"),))
    keys = Keys((key,), (Parameter(0, ColumnType("uuid"), array=True),))
    one = Plan((Nested("v", select, many=False, nullable=True, join=join),), keys)
    assert render(one, first_parameter=2).text() == (
        'SELECT array_to_json(ARRAY(SELECT (SELECT t$3 FROM (SELECT \'User\' AS "k" FROM "v_user" '
        'AS t$2 WHERE t$2."id" = t$1."user_id") AS t$3) FROM unnest($2::uuid[]) WITH ORDINALITY '
        'AS t$1("user_id", "#") ORDER BY t$1."#"))'
    )
    many = Plan((Nested("v", select, many=True, nullable=False, join=join),), keys)
    assert "SELECT array_to_json(ARRAY(SELECT array_to_json(ARRAY(SELECT" in render(many).text()


@pytest.mark.parametrize(
    ("type_", "array", "sql"),
    [
        (ColumnType("uuid"), False, "$1::uuid"),
        (ColumnType("int8"), True, "$1::int8[]"),
        (ColumnType("jsonb"), False, "$1::text::jsonb"),
        (ColumnType("date"), False, "$1::text::date"),
        (ColumnType("timestamptz"), True, "$1::text[]::timestamptz[]"),
        (ColumnType("citext", schema="ext"), False, '$1::text::"ext"."citext"'),
        (ColumnType("state", schema=None, labels=("a",)), True, '$1::text[]::"state"[]'),
    ],
)
def test_each_parameter_is_cast_to_its_columns_type(
    type_: ColumnType, array: bool, sql: str
) -> None:
    ref = ColumnRef("c", ColumnType(type_.name, False, type_.schema, type_.labels))
    select = Select(Source("v"), (Constant("k", "T"),), (Filter(ref, Parameter(0, type_, array)),))
    text = render(Plan((Nested("r", select, many=True, nullable=False),))).text()
    assert f't$1."c" = {f"ANY({sql})" if array else sql})' in text

"""`where` and `order_by` as conditions and orders, without a database."""

from __future__ import annotations

import re
from typing import Any

import pytest
from graphql import parse, validate
from strawberry.scalars import JSON

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.errors import BadUserInput, SchemaError
from fraiseql_strawberry.graphql.compiler import (
    Bound,
    Compiled,
    SchemaIndex,
    Settings,
    StepAside,
    compile_operation,
    normalise,
    verify,
)
from fraiseql_strawberry.sql.catalog import Catalog
from tests.unit.compiler_blog import ROWS, Post, User, rows

SETTINGS = Settings(first_parameter=1, max_limit=100, max_conditions=12, max_condition_depth=4)


@fraiseql.query(sql_source="v_post", auto_params=True, order_by="-created_at")
def posts() -> list[Post]: ...


@fraiseql.type(sql_source="v_file")
class File:
    id: int
    meta: JSON
    tags: list[str]


@fraiseql.query(sql_source="v_file", auto_params=True)
def files() -> list[File]: ...


@fraiseql.query(sql_source="v_user", where=["name", "posts.title"], auto_params=["limit"])
def users() -> list[User]: ...


SCHEMA = fraiseql.build_schema([posts, files, users])
INDEX = SchemaIndex(SCHEMA)
CATALOG = Catalog.read([*ROWS, *rows('"v_file"', id="int4", meta="jsonb", tags="text[]")])


def program(text: str, settings: Settings = SETTINGS) -> Compiled:
    document = parse(text)
    assert validate(INDEX.schema, document) == []
    found = compile_operation(INDEX, document, None, CATALOG, settings, lifted=normalise(text))
    assert isinstance(found, Compiled), found
    return found


def bind(text: str, variables: dict[str, Any] | None = None) -> Bound:
    bound = program(text).bind(variables, normalise(text).literals)
    assert isinstance(bound, Bound), bound
    return bound


def where(text: str, variables: dict[str, Any] | None = None, field: str = "posts") -> str:
    """The SQL of the conditions."""
    sql = bind(text, variables).sql()
    found = re.search(r" WHERE (.*?)(?: ORDER BY| LIMIT)", sql)
    assert found is not None, sql
    return found[1]


def order(keys: str) -> str:
    sql = bind(f"{{ posts(orderBy: {keys}) {{ id }} }}").sql()
    found = re.search(r" ORDER BY (.*) LIMIT", sql)
    assert found is not None, sql
    return found[1]


def refusal(text: str, variables: dict[str, Any] | None = None) -> str:
    with pytest.raises(BadUserInput) as caught:
        program(text).bind(variables, normalise(text).literals)
    return str(caught.value)


def test_the_schema_fits_the_catalog() -> None:
    verify(INDEX, CATALOG, SETTINGS)


@pytest.mark.parametrize(
    ("condition", "sql"),
    [
        ('{title: {eq: "a"}}', 't$1."title" = $1::text'),
        ('{title: {ne: "a"}}', 't$1."title" IS DISTINCT FROM $1::text'),
        ('{title: {in: ["a", "b"]}}', 't$1."title" = ANY($1::text[])'),
        ("{views: {lt: 1}}", 't$1."views" < $1::int8'),
        ("{views: {gte: 1}}", 't$1."views" >= $1::int8'),
        ("{rating: {isNull: true}}", 't$1."rating" IS NULL'),
        ("{rating: {isNull: false}}", 't$1."rating" IS NOT NULL'),
        ('{title: {ilike: "a%"}}', 't$1."title" ILIKE $1::text'),
        ("{state: {eq: LIVE}}", 't$1."state" = $1::text::"state"'),
        ("{or: []}", "false"),
        ("{and: []}", "true"),
        ("{not: {views: {eq: 1}}}", '((t$1."views" = $1::int8)) IS NOT TRUE'),
        (
            "{or: [{views: {eq: 1}}, {rating: {gt: 2}}]}",
            '((t$1."views" = $1::int8) OR (t$1."rating" > $2::float8))',
        ),
        (
            '{author: {name: {eq: "a"}}}',
            (
                'EXISTS (SELECT FROM "v_user" AS t$3 WHERE t$3."id" = t$1."user_id" '
                'AND t$3."name" = $1::text)'
            ),
        ),
    ],
)
def test_conditions(condition: str, sql: str) -> None:
    assert where(f"{{ posts(where: {condition}) {{ id }} }}") == sql


@pytest.mark.parametrize(
    ("condition", "sql"),
    [
        ("{tags: {contains: []}}", 't$1."tags" @> $1::text[]'),
        ("{tags: {overlap: []}}", 't$1."tags" && $1::text[]'),
        ("{meta: {contains: 1}}", 't$1."meta" @> $1::text::jsonb'),
        ('{meta: {hasKey: "a"}}', 't$1."meta" ? $1::text'),
        # Nothing is said of the place, which is a parameter all the same.
        ('{meta: {path: {at: ["a"]}}}', "$1::text[] IS NOT NULL"),
        (
            '{meta: {path: {at: ["a"], gt: 1}}}',
            (
                '(jsonb_typeof(t$1."meta" #> $1::text[]) = jsonb_typeof($2::text::jsonb) '
                'AND (t$1."meta" #> $1::text[]) > $2::text::jsonb)'
            ),
        ),
    ],
)
def test_conditions_of_lists_and_json(condition: str, sql: str) -> None:
    text = f"{{ files(where: {condition}) {{ id }} }}"
    document = parse(text)
    found = compile_operation(INDEX, document, None, CATALOG, SETTINGS)
    assert isinstance(found, Compiled), found
    bound = found.bind({})
    assert isinstance(bound, Bound)
    assert sql in bound.sql()


def test_every_row_of_none_is_so() -> None:
    sql = where('{ users(where: {posts: {every: {title: {eq: "a"}}}}) { id } }')
    assert sql == (
        'NOT EXISTS (SELECT FROM "v_post" AS t$3 WHERE t$3."user_id" = t$1."id" '
        'AND ((t$3."title" = $1::text)) IS NOT TRUE)'
    )


def test_wildcards_in_a_text_are_escaped() -> None:
    bound = bind(r'query($a: String) { posts(where: {title: {startsWith: $a, contains: $a}}) { id } }', {"a": "1%_\\"})  # fmt: skip
    assert bound.args == ["1\\%\\_\\\\%", "%1\\%\\_\\\\%"]


@pytest.mark.parametrize(
    ("keys", "sql"),
    [
        ("[{title: ASC}]", 't$1."title"'),
        ("{title: DESC}", 't$1."title" DESC'),
        ("[{rating: DESC_NULLS_LAST}, {id: ASC}]", 't$1."rating" DESC NULLS LAST, t$1."id"'),
        (
            "[{author: {name: ASC_NULLS_FIRST}}]",
            '(SELECT t$3."name" FROM "v_user" AS t$3 WHERE t$3."id" = t$1."user_id") NULLS FIRST',
        ),
        ("[]", 't$1."created_at" DESC'),
    ],
)
def test_orders(keys: str, sql: str) -> None:
    assert order(keys) == sql


W = "query($w: PostWhere) { posts(where: $w) { id } }"


def test_values_of_a_variable_are_bound_and_its_structure_decides_the_statement() -> None:
    compiled = program(W)

    def bound(value: Any) -> Bound:
        found = compiled.bind({"w": value})
        assert isinstance(found, Bound), found
        return found

    first = bound({"title": {"eq": "a"}, "state": {"in": ["LIVE"]}})
    again = bound({"title": {"eq": "b"}, "state": {"in": ["LIVE", "DRAFT"]}})
    assert first.statement is again.statement
    assert (first.args, again.args) == (["a", ["live"]], ["b", ["live", "draft"]])
    assert bound({"title": {"ne": "a"}}).statement is not first.statement
    assert (
        bound({"rating": {"isNull": True}}).statement
        is not bound({"rating": {"isNull": False}}).statement
    )
    assert bound({"or": [{}]}).statement is not bound({"or": [{}, {}]}).statement


def test_literals_inside_of_input_objects_are_parameters() -> None:
    one = '{ posts(where: {title: {eq: "a"}, views: {lt: 3}}) { id } }'
    two = '{ posts(where: {title: {eq: "b"}, views: {lt: 4}}) { id } }'
    compiled = program(one)
    assert normalise(one).key == normalise(two).key
    bound = compiled.bind({}, normalise(two).literals)
    assert isinstance(bound, Bound)
    assert bound.args == ["b", 4]
    assert compiled.bind({}, normalise(one).literals).statement is bound.statement  # type: ignore[union-attr]


def test_variables_inside_of_a_literal_are_bound_alone() -> None:
    text = (
        "query($t: String, $n: Boolean, $a: PostWhere!) "
        "{ posts(where: {title: {eq: $t}, rating: {isNull: $n}, and: [$a, {views: {lt: 5}}]}) "
        "{ id } }"
    )
    compiled = program(text)
    literals = normalise(text).literals
    bound = compiled.bind({"t": "x", "n": True, "a": {"views": {"gt": 1}}}, literals)
    assert isinstance(bound, Bound)
    assert bound.args == ["x", 1, 5]
    other = compiled.bind({"n": False, "a": {}}, literals)
    assert isinstance(other, Bound)
    assert other.args == [5]  # an operand that is absent is no condition
    assert "IS NOT NULL" in other.sql()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"title": None}, "'where.title': null is no condition"),
        ({"title": {"eq": None}}, "'where.title.eq': null is no condition"),
        ({"author": None}, "'where.author': null is no condition"),
        ({"not": None}, "'where.not': null is no condition"),
        ({"title": {"like": "a\\"}}, "'where.title.like': a pattern must not end with"),
        ({"title": {"eq": "\x00"}}, "'where.title.eq': a text cannot hold"),
        ({"id": {"in": ["11111111-1111-4111-8111-111111111111"] * 1001}}, "more than 1000 values"),
        ({"or": [{"views": {"eq": 1}}] * 5}, "more than 12 conditions"),
        ({"not": {"not": {"not": {"not": {}}}}}, "more than 4 levels deep"),
    ],
)
def test_conditions_that_cannot_be_served(value: Any, message: str) -> None:
    assert message in refusal(W, {"w": value})


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([{"title": None}], "null is no direction"),
        ([{"title": "ASC"}] * 11, "more than 10 keys"),
        ([{"author": None}], "null is no direction"),
    ],
)
def test_orders_that_cannot_be_served(keys: Any, message: str) -> None:
    text = "query($o: [PostOrderBy!]) { posts(orderBy: $o) { id } }"
    try:
        assert message in refusal(text, {"o": keys})
    except pytest.fail.Exception:
        # A key of two columns, or of null, is what the type itself refuses.
        aside = program(text).bind({"o": keys})
        assert isinstance(aside, StepAside)


def test_a_limit_above_the_highest_is_an_error() -> None:
    assert "must be from 0 to 100" in refusal("{ posts(limit: 101) { id } }")


def test_conditions_on_relations_cost_rows() -> None:
    text = '{ posts(limit: 100, where: {author: {name: {eq: "a"}}}) { id } }'
    compiled = program(text, Settings(first_parameter=1, max_limit=100, max_cost=150))
    with pytest.raises(BadUserInput, match="may read 200 rows"):
        compiled.bind({}, normalise(text).literals)


def test_what_is_protected_or_private_is_no_condition() -> None:
    where_fields = SCHEMA._schema.type_map["UserWhere"].fields  # type: ignore[union-attr]
    assert "secret" not in where_fields
    assert "name" in where_fields
    assert "userId" not in SCHEMA._schema.type_map["PostWhere"].fields  # type: ignore[union-attr]
    assert "userId" not in SCHEMA._schema.type_map["PostOrderBy"].fields  # type: ignore[union-attr]


def test_a_narrowed_where_has_what_was_named() -> None:
    types = SCHEMA._schema.type_map
    assert set(types["UsersWhere"].fields) == {"and", "or", "not", "name", "posts"}  # type: ignore[union-attr]
    assert set(types["UsersPostsWhere"].fields) == {"and", "or", "not", "title"}  # type: ignore[union-attr]
    assert set(SCHEMA._schema.query_type.fields["users"].args) == {"where", "limit"}  # type: ignore[union-attr]


def test_a_protected_field_can_be_named() -> None:
    @fraiseql.query(sql_source="v_user", where=["secret"])
    def people() -> list[User]: ...

    made = fraiseql.build_schema([people])
    assert "secret" in made._schema.type_map["PeopleWhere"].fields  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"where": ["titel"]}, r'posts\(\), where: Post has no column .* "titel"; .* "title"'),
        ({"where": "title"}, "name the columns in a list"),
        ({"auto_params": ["wher"]}, "knows where, order_by, limit, offset, and no 'wher'"),
        ({"auto_params": {"limit": ["title"]}}, "name the columns in a list"),
    ],
)
def test_what_the_decorator_cannot_take(options: dict[str, Any], message: str) -> None:
    def build() -> None:
        @fraiseql.query(sql_source="v_post", **options)
        def posts() -> list[Post]: ...

        fraiseql.build_schema([posts])

    with pytest.raises(SchemaError, match=message):
        build()


def test_only_lists_have_automatic_arguments() -> None:
    @fraiseql.query(sql_source="v_post", auto_params=True)
    def post() -> Post | None: ...

    with pytest.raises(SchemaError, match="are for lists"):
        fraiseql.build_schema([post])


def test_a_body_reads_its_own_arguments() -> None:
    with pytest.raises(SchemaError, match="need a sql_source"):
        fraiseql.query(auto_params=True)


def test_a_where_of_the_application_s_own_is_refused() -> None:
    @fraiseql.query(sql_source="v_post")
    def posts(where: str | None = None) -> list[Post]: ...

    index = SchemaIndex(fraiseql.build_schema([posts]))
    with pytest.raises(SchemaError, match="is generated: take it out"):
        verify(index, CATALOG, SETTINGS)


def test_operators_without_an_index_say_so() -> None:
    fields: Any = SCHEMA._schema.type_map["StringFilter"].fields  # type: ignore[union-attr]
    assert "No index" in fields["contains"].description
    assert "No index" not in fields["eq"].description


def test_a_json_literal_keeps_its_own_plan() -> None:
    """What is inside of a JSON value has no type, and is read as it stands."""
    text = '{ files(where: {meta: {contains: {a: "x"}}}) { id } }'
    deep = compile_operation(INDEX, parse(text), None, CATALOG, SETTINGS, lifted=normalise(text))
    assert isinstance(deep, StepAside)
    plain = normalise(text, nested=False)
    flat = compile_operation(INDEX, parse(text), None, CATALOG, SETTINGS, lifted=plain)
    assert isinstance(flat, Compiled)
    bound = flat.bind({}, plain.literals)
    assert isinstance(bound, Bound)
    assert bound.args == ['{"a": "x"}']

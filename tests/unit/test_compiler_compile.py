"""Which operations one statement serves, in which shapes, and what each request binds."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import parse

from fraiseql_strawberry.errors import BadUserInput
from fraiseql_strawberry.graphql.compiler import Compiled, Settings, StepAside, compile_operation
from fraiseql_strawberry.sql.catalog import Catalog
from tests.unit.compiler_blog import CATALOG, INDEX, ROWS, SETTINGS, bind, compile_text, reason

ID = "11111111-1111-4111-8111-111111111111"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{ hello }", "Query.hello has a resolver"),
        ("mutation { shout }", "a mutation"),
        ("{ posts { shout } }", "Post.shout has a resolver"),
        ("{ users { secret } }", "User.secret has a permission class"),
        ("{ users { posts { author { secret } } } }", "User.secret has a permission class"),
        ("{ __schema { types { name } } }", "introspection"),
        ('{ __type(name: "Post") { name } }', "introspection"),
        ("{ posts { ...F } } fragment F on Post { shout }", "Post.shout has a resolver"),
        (f"{{ posts {{ {'x' * 64}: id }} }}", "longer than PostgreSQL's names"),
        (f"{{ posts {{ {' '.join(f'a{n}: id' for n in range(1601))} }} }}", "more fields than"),
    ],
)
def test_an_operation_steps_aside_when_it_is_compiled(text: str, why: str) -> None:
    program = compile_text(text)
    aside = program if isinstance(program, StepAside) else program.bind()
    assert isinstance(aside, StepAside)
    assert why in aside.reason


def test_the_operation_is_named() -> None:
    document = parse("query A { users { id } } query B { hello }")
    one = compile_operation(INDEX, document, "A", CATALOG, SETTINGS)
    assert isinstance(one, Compiled)
    assert compile_operation(INDEX, document, "B", CATALOG, SETTINGS) == StepAside(
        "Query.hello has a resolver"
    )
    for name in (None, "C"):
        assert isinstance(compile_operation(INDEX, document, name, CATALOG, SETTINGS), StepAside)


def test_a_source_that_the_catalog_lacks_is_a_reason() -> None:
    catalog = Catalog.read([row for row in ROWS if row["source"] != '"v_user"'])
    program = compile_operation(INDEX, parse("{ users { id } }"), None, catalog, SETTINGS)
    assert isinstance(program, Compiled)
    aside = program.bind()
    assert isinstance(aside, StepAside)
    assert '"v_user"' in aside.reason


def test_a_field_that_a_variable_excludes_is_no_obstacle() -> None:
    text = "query ($s: Boolean!) { posts { id shout @include(if: $s) } }"
    program = compile_text(text)
    assert isinstance(program, Compiled)
    assert isinstance(program.bind({"s": True}), StepAside)
    assert not isinstance(program.bind({"s": False}), StepAside)


@pytest.mark.parametrize(
    ("definition", "variables"),
    [
        ("$l: Int!", None),
        ("$l: Int!", {"l": None}),
        ("$l: Int!", {"l": "5"}),
        ("$l: Int!", {"l": 2**31}),
        ("$l: Int!", {"l": [1]}),
    ],
)
def test_invalid_variables_are_left_to_the_standard_lane(
    definition: str, variables: dict[str, Any] | None
) -> None:
    text = f"query ({definition}) {{ posts(limit: $l) {{ id }} }}"
    assert "a variable is" in reason(text, variables)


def test_names_that_the_operation_lacks_are_ignored() -> None:
    assert bind("{ users { id } }", {"other": object()}).args == []


@pytest.mark.parametrize(
    ("variables", "args", "sql"),
    [
        ({}, [], 'AS t$1 ORDER BY t$1."created_at" DESC LIMIT 20'),
        ({"t": None}, [], 'AS t$1 ORDER BY t$1."created_at" DESC LIMIT 20'),
        ({"t": "x"}, ["x"], '"title" = $1::text ORDER BY t$1."created_at" DESC LIMIT 20'),
        ({"o": 7}, [7], 'AS t$1 ORDER BY t$1."created_at" DESC LIMIT 20 OFFSET $1::int8'),
        (
            {"t": "x", "o": 7},
            ["x", 7],
            '"title" = $1::text ORDER BY t$1."created_at" DESC LIMIT 20 OFFSET $2',
        ),
    ],
)
def test_one_statement_per_shape_of_absent_values(
    variables: dict[str, Any], args: list[Any], sql: str
) -> None:
    bound = bind("query ($o: Int, $t: String) { posts(offset: $o, title: $t) { id } }", variables)
    assert bound.args == args
    assert sql in bound.sql()


def test_a_variables_default_is_bound() -> None:
    text = "query ($l: Int! = 7) { posts(limit: $l) { id } }"
    assert bind(text).args == [7]
    assert bind(text, {"l": 8}).args == [8]


def test_null_and_absent_are_two_shapes_of_one_program() -> None:
    program = compile_text("query ($l: Int) { people(limit: $l) { id } }")
    assert isinstance(program, Compiled)
    for variables, limit in [({}, "5"), ({"l": None}, "100"), ({"l": 7}, "$1::int8"), ({}, "5")]:
        bound = program.bind(variables)
        assert not isinstance(bound, StepAside)
        assert f"LIMIT {limit})" in bound.sql()


def test_a_null_limit_of_a_relation_is_its_default() -> None:
    assert "LIMIT 10)" in bind("{ users { posts { id } } }").sql()
    text = "query ($l: Int) { users { posts(limit: $l) { id } } }"
    assert "LIMIT 10)" in bind(text, {"l": None}).sql()


def test_a_variable_inside_of_a_list_is_bound() -> None:
    text = f'query ($a: UUID!) {{ posts(ids: [$a, "{ID}"]) {{ id }} }}'
    assert bind(text, {"a": ID}).args == bind(text, {"a": ID.upper()}).args
    assert len(bind(text, {"a": ID}).args[0]) == 2


@pytest.mark.parametrize(
    ("text", "variables", "argument"),
    [
        ("{ posts(limit: -1) { id } }", None, "limit"),
        ("{ posts(limit: 101) { id } }", None, "limit"),
        ("query ($l: Int!) { posts(limit: $l) { id } }", {"l": 101}, "limit"),
        ("{ users { posts(limit: 101) { id } } }", None, "limit"),
        ("{ posts(offset: -1) { id } }", None, "offset"),
        ("query ($t: String) { posts(title: $t) { id } }", {"t": "\x00"}, "title"),
        ("query ($t: String) { posts(title: $t) { id } }", {"t": "\ud800"}, "title"),
    ],
)
def test_what_cannot_be_served_is_refused_by_the_arguments_name(
    text: str, variables: dict[str, Any] | None, argument: str
) -> None:
    with pytest.raises(BadUserInput) as refused:
        bind(text, variables)
    assert refused.value.extensions == {"code": "BAD_USER_INPUT", "argument": argument}
    assert f"'{argument}'" in refused.value.message


def test_what_an_operation_may_read_is_bounded() -> None:
    below = "posts(limit: $a) { author { posts(limit: $b) { id } } }"
    text = f"query ($a: Int!, $b: Int!) {{ users {{ {below} }} }}"
    bind(text, {"a": 10, "b": 10})
    with pytest.raises(BadUserInput, match=r"may read 1020100 rows, more than 20000"):
        bind(text, {"a": 100, "b": 100})


def test_shapes_are_kept_and_bounded() -> None:
    names = "abcdefgh"
    definitions = " ".join(f"${n}: Boolean!" for n in names)
    fields = " ".join(f"{n}: id @include(if: ${n})" for n in names)
    program = compile_text(f"query ({definitions}) {{ users {{ {fields} }} }}")
    assert isinstance(program, Compiled)
    seen: dict[str, Any] = {}
    for number in range(40):
        variables = {n: bool(number & 1 << i) for i, n in enumerate(names)}
        bound = program.bind(variables)
        assert not isinstance(bound, StepAside)
        again = program.bind(variables)
        assert not isinstance(again, StepAside)
        assert again.statement is bound.statement
        seen[bound.sql()] = bound
        assert len(program._statements) <= SETTINGS.max_shapes
    assert len(seen) == 40


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (
            "{ posts { a: id id ...F ... on Post { id title } } } fragment F on Post { title }",
            "a id title",
        ),
        ("{ posts { ... @skip(if: true) { id } title } }", "title"),
        ("{ posts { id @include(if: false) @skip(if: false) title } }", "title"),
        ("{ posts { id } posts { title } }", "id title"),
        ("{ posts { ...F ...F } } fragment F on Post { id }", "id"),
    ],
)
def test_fields_are_merged_in_the_order_requested(text: str, keys: str) -> None:
    (root,) = bind(text).statement.plan.roots
    assert [field.key for field in root.select.fields] == keys.split()


def test_the_first_parameter_has_the_callers_number() -> None:
    settings = Settings(first_parameter=2)
    program = compile_operation(
        INDEX, parse(f'{{ post(id: "{ID}") {{ id }} }}'), None, CATALOG, settings
    )
    assert isinstance(program, Compiled)
    bound = program.bind()
    assert not isinstance(bound, StepAside)
    assert "$2::uuid" in bound.sql()
    assert "$1" not in bound.sql().replace("t$1", "")

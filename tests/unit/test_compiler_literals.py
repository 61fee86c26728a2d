"""Inline literals as parameters: nothing that decides whether a document is valid is lifted."""

from __future__ import annotations

import pytest
from graphql import GraphQLSyntaxError, parse, validate
from hypothesis import assume, given
from hypothesis import strategies as st

from fraiseql_strawberry.graphql.compiler import Bound, Compiled, compile_operation, normalise
from tests.unit.compiler_blog import CATALOG, INDEX, SETTINGS, compile_text, reason

ID = "11111111-1111-4111-8111-111111111111"


@pytest.mark.parametrize(
    ("text", "literals"),
    [
        ('{ post(id: "x") { id } }', ('"x"',)),
        ('{ post(id:"x",a:-5 b :1.5e3) { id } }', ('"x"', "-5", "1.5e3")),
        ("{ posts(limit: 5, published: $p) { id } }", ("5",)),
        ("query ($a: Int = 5) { posts(limit: 6) { id } }", ("6",)),
        ('query ($t: Time = "23:59") { posts(limit: 6) { id } }', ("6",)),
        ('{ posts(title: "a: 5, b(c: 6)") { id } }', ('"a: 5, b(c: 6)"',)),
        ('{ posts(title: "") { id } }', ('""',)),
        ("{ posts { id } }", ()),
        ("{ posts(limit: 5 ids: [1, 2]) { id } }", ()),
        ("{ posts(where: {a: 5}) { id } }", ()),
        ("{ posts(flag: true, state: LIVE, x: null) { id } }", ()),
        ("{ posts(title: 'x') { id } }", ()),
        (r'{ posts(title: "a\n") { id } }', ()),
        ('{ posts(title: "a\tb") { id } }', ()),
        ('{ posts(title: """a""") { id } }', ()),
        ("{ posts(limit: 05) { id } }", ()),
        ("{ posts(limit: 5.) { id } }", ()),
        ("{ posts(limit: 5a) { id } }", ()),
        ("{ posts @include(if: 5) @ foo (x: 6) { id } }", ()),
        ("{ posts # (limit: 5)\n { id } }", ()),
        ("{ posts(limit: # 5\n 6) { id } }", ()),
        ('"described (a: 5)" query { posts { id } }', ()),
        ('"""described (a: 5)""" query { posts { id } }', ()),
        ("{ posts(limit: 5\x00) { id } }", ()),
    ],
)
def test_only_plain_arguments_of_fields_are_lifted(text: str, literals: tuple[str, ...]) -> None:
    lifted = normalise(text)
    assert lifted.literals == literals
    assert [text[s : s + len(t)] for s, t in zip(lifted.starts, literals, strict=True)] == list(literals)
    assert (lifted.key == text) is (not literals)


def test_documents_that_differ_in_literals_share_a_key() -> None:
    one, two = normalise("{ posts(limit: 5) { id } }"), normalise("{ posts(limit: 77) { id } }")
    assert one.key == two.key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{ a: posts(limit: 5) { id } }", '{ a: posts(limit: "5") { id } }'),
        ("{ a: posts(limit: 5) { id } }", "{ a: posts(limit: 5.0) { id } }"),
        ("{ a(x: 5) b(x: 5) }", "{ a(x: 5) b(x: 6) }"),
        ("{ a(x: 5) b(x: 6) c(x: 5) }", "{ a(x: 5) b(x: 6) c(x: 6) }"),
        ("{ a(x: true) }", "{ a(x: false) }"),
    ],
)
def test_a_difference_that_may_matter_is_in_the_key(one: str, other: str) -> None:
    assert normalise(one).key != normalise(other).key


def test_fields_of_one_response_key_stay_equal() -> None:
    # Valid for this text, and not for every text in which two more literals stand here.
    text = "{ posts(limit: 5) { id } posts(limit: # five\n 5) { title } }"
    assert "lifted here and kept there" in reason(text)
    assert isinstance(compile_text("{ posts(limit: 5) { id } posts(limit: 5) { title } }"), Compiled)


@pytest.mark.parametrize(
    "text",
    [
        '{ post(id: "nonsense") { id } }',
        "{ posts(limit: 99999999999) { id } }",
        f"{{ posts(limit: {'9' * 5000}) {{ id }} }}",
    ],
)
def test_an_invalid_literal_is_left_to_the_standard_lane(text: str) -> None:
    good = '{ post(id: "%s") { id } }' % ID if "post(" in text else "{ posts(limit: 1) { id } }"
    program = compile_text(good)
    assert normalise(text).key == normalise(good).key
    assert isinstance(program, Compiled)
    assert not isinstance(program.bind(None, normalise(text).literals), Bound)


def test_a_literal_beside_a_comma_where_a_parser_finds_none() -> None:
    # A comma may stand anywhere, so the 5 is taken out of the string.
    text = '{ posts(title: , "a: 5") { id } }'
    assert "not where it seems" in reason(text) or not normalise(text).literals


PIECES = st.sampled_from(
    [
        "{", "}", "(", ")", "posts", "post", "id", "title", "limit", ":", " ", ",", "\n", "5", "-7", "1.5",
        '"a"', '"a: 5"', '""', '"""b"""', '"\\n"', "#c\n", "@include", "if", "true", "$v", "query", "...",
        "[", "]", "=", "Int", '"', "\\", "x(a: 5)", "# x(a: 5)\n",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30).map("".join))
def test_whatever_the_text_a_lifted_literal_is_a_literal(text: str) -> None:
    lifted = normalise(text)
    assume(lifted.literals)
    try:
        document = parse(text)
    except GraphQLSyntaxError:
        return
    assume(not validate(INDEX.schema, document))
    compile_operation(INDEX, document, None, CATALOG, SETTINGS, lifted=lifted)


LIMITS = st.integers(0, 100)
TITLES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=5)


@given(st.tuples(LIMITS, TITLES, LIMITS), st.tuples(LIMITS, TITLES, LIMITS))
def test_a_cached_program_binds_what_a_fresh_one_does(
    first: tuple[int, str, int], second: tuple[int, str, int]
) -> None:
    def text(limit: int, title: str, offset: int) -> str:
        quoted = title.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
        return f'{{ posts(limit: {limit}, title: "{quoted}") {{ id }} p: posts(offset: {offset}) {{ id }} }}'

    def compiled(text: str) -> Compiled | None:
        try:
            document = parse(text)
        except GraphQLSyntaxError:
            return None  # a control character
        program = compile_operation(INDEX, document, None, CATALOG, SETTINGS, lifted=normalise(text))
        assert isinstance(program, Compiled)
        return program

    one, two = text(*first), text(*second)
    cached, fresh = compiled(one), compiled(two)
    assume(cached is not None and fresh is not None and normalise(one).key == normalise(two).key)
    a, b = (program.bind(None, normalise(two).literals) for program in (cached, fresh))
    assert isinstance(a, Bound) == isinstance(b, Bound)
    if isinstance(a, Bound) and isinstance(b, Bound):
        assert (a.sql(), a.args) == (b.sql(), b.args)

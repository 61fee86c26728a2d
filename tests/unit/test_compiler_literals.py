"""Inline literals as parameters: nothing that decides whether a document is valid is lifted."""

from __future__ import annotations

import pytest
from graphql import GraphQLSyntaxError, parse
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
        ("{ posts(limit: 5 ids: [1, 2]) { id } }", ("5",)),
        ("{ posts(where: {a: 5, b: [6, {c: 7}]}) { id } }", ("5", "7")),
        ("query ($w: W = {a: 5}) { posts(limit: 6) { id } }", ("6",)),
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
    assert [text[s : s + len(t)] for s, t in zip(lifted.starts, literals, strict=True)] == list(
        literals
    )
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
    assert isinstance(
        compile_text("{ posts(limit: 5) { id } posts(limit: 5) { title } }"), Compiled
    )


@pytest.mark.parametrize(
    "text",
    [
        '{ post(id: "nonsense") { id } }',
        "{ posts(limit: 99999999999) { id } }",
        f"{{ posts(limit: {'9' * 5000}) {{ id }} }}",
    ],
)
def test_an_invalid_literal_is_left_to_the_standard_lane(text: str) -> None:
    by_id = f'{{ post(id: "{ID}") {{ id }} }}'
    good = by_id if "post(" in text else "{ posts(limit: 1) { id } }"
    program = compile_text(good)
    assert normalise(text).key == normalise(good).key
    assert isinstance(program, Compiled)
    assert not isinstance(program.bind(None, normalise(text).literals), Bound)


def test_a_text_that_is_read_out_of_step_is_noticed() -> None:
    # In a block string \\""" is a backslash and an escaped quotation mark: the string goes on.
    text = '{ posts(title: """a\\\\""" b(c: 5) """) { id } }'
    assert normalise(text).literals == ("5",)
    assert "not where it seems" in reason(text)


IGNORED = st.sampled_from(["", " ", ",", "\n", " # (a: 5)\n", ' # "\n', "\ufeff"])
STRINGS = st.sampled_from(
    [
        '"a"',
        '""',
        '"b: 5, c(d: 6)"',
        r'"\""',
        r'"\\"',
        '"#"',
        '"""x"""',
        '""" "y" (z: 5) """',
        r'"""\""" """',
        "null",
    ]
)
NUMBERS = st.sampled_from(["0", "1", "20", "-0", "null"])
DIRECTIVES = st.sampled_from(["", "@include(if: true)", "@ skip (if: false)"])


@given(st.lists(IGNORED, min_size=9, max_size=9), STRINGS, NUMBERS, NUMBERS, DIRECTIVES)
def test_a_lifted_literal_is_bound_as_the_literal_is(
    gaps: list[str], title: str, limit: str, offset: str, directive: str
) -> None:
    limit = limit.replace("null", "3")
    tokens = ["(", "title", ":", title, " limit", ":", limit, " offset:", offset]
    arguments = "".join(a + b for a, b in zip(tokens, gaps, strict=True))
    text = f"query Q {{ posts{arguments}) {directive} {{ id @include(if: true) }} }}"
    lifted = normalise(text)
    with_lift = compile_operation(INDEX, parse(text), None, CATALOG, SETTINGS, lifted=lifted)
    without = compile_operation(INDEX, parse(text), None, CATALOG, SETTINGS)
    assert isinstance(with_lift, Compiled)
    assert isinstance(without, Compiled)
    one, other = with_lift.bind(None, lifted.literals), without.bind()
    assert isinstance(one, Bound)
    assert isinstance(other, Bound)
    assert (one.sql(), one.args) == (other.sql(), other.args)


LIMITS = st.integers(0, 100)
TITLES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=5)


@given(st.tuples(LIMITS, TITLES, LIMITS), st.tuples(LIMITS, TITLES, LIMITS))
def test_a_cached_program_binds_what_a_fresh_one_does(
    first: tuple[int, str, int], second: tuple[int, str, int]
) -> None:
    def text(limit: int, title: str, offset: int) -> str:
        quoted = (
            title.replace("\\", "\\\\")
            .replace('"', '\\"')
            .replace("\n", "\\n")
            .replace("\r", "\\r")
        )
        other = f"p: posts(offset: {offset}) {{ id }}"
        return f'{{ posts(limit: {limit}, title: "{quoted}") {{ id }} {other} }}'

    def compiled(text: str) -> Compiled | None:
        try:
            document = parse(text)
        except GraphQLSyntaxError:
            return None  # a control character
        program = compile_operation(
            INDEX, document, None, CATALOG, SETTINGS, lifted=normalise(text)
        )
        assert isinstance(program, Compiled)
        return program

    one, two = text(*first), text(*second)
    cached, fresh = compiled(one), compiled(two)
    assume(cached is not None and fresh is not None and normalise(one).key == normalise(two).key)
    a, b = (program.bind(None, normalise(two).literals) for program in (cached, fresh))
    assert isinstance(a, Bound) == isinstance(b, Bound)
    if isinstance(a, Bound) and isinstance(b, Bound):
        assert (a.sql(), a.args) == (b.sql(), b.args)

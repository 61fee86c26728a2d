"""What a document may ask for, counted after expansion and in no time."""

from __future__ import annotations

import time

import pytest
from graphql import build_schema, get_introspection_query, parse, validate
from hypothesis import given
from hypothesis import strategies as st

from fraiseql_strawberry.graphql.limits import Limits, check_limits

NONE = Limits(10**9, 10**9, 10**9, 10**9, 10**9, 10**9)


def refused(text: str, **bounds: int) -> str | None:
    """The message of the refusal, with no bound but those named."""
    limits = Limits(
        **{
            "max_depth": 10**9,
            "max_aliases": 10**9,
            "max_fields": 10**9,
            "max_merges": 10**9,
            **bounds,
        }
    )
    error = check_limits(parse(text), limits)
    return None if error is None else error.message


DEPTHS = {
    "{ a }": 1,
    "{ a { b } }": 2,
    "{ a { b } c { d { e } } }": 3,
    "{ a { ... { b } } }": 2,
    "{ a { ... on T { b { c } } } }": 3,
    "{ ...F } fragment F on Query { a { b } }": 2,
    "{ a { ...F } } fragment F on T { b { ...G } } fragment G on T { c { d } }": 4,
    "query A { a } query B { a { b { c } } }": 3,
    "mutation { a { b } }": 2,
}


@pytest.mark.parametrize(("text", "depth"), DEPTHS.items())
def test_depth(text: str, depth: int) -> None:
    assert refused(text, max_depth=depth) is None
    message = refused(text, max_depth=depth - 1)
    assert message == f"The depth of the operation exceeds the limit of {depth - 1}."


ALIASES = {
    "{ a b c }": 0,
    "{ x: a }": 1,
    "{ x: a { y: b } z: c }": 3,
    "{ ...F ...F } fragment F on Query { x: a }": 2,
    "{ ...F } fragment F on Query { a { ...G ...G } } fragment G on T { x: b y: c }": 4,
    "{ ... { x: a } ... { x: a } }": 2,
}


@pytest.mark.parametrize(("text", "aliases"), ALIASES.items())
def test_aliases(text: str, aliases: int) -> None:
    assert refused(text, max_aliases=aliases) is None
    if aliases:
        message = refused(text, max_aliases=aliases - 1)
        assert (
            message == f"The number of aliases of the operation exceeds the limit of {aliases - 1}."
        )


@pytest.mark.parametrize("power", [1, 4, 11])
def test_fields_are_counted_after_expansion(power: int) -> None:
    text = _bomb(power)
    assert refused(text, max_fields=2**power) is None
    assert "number of fields" in (refused(text, max_fields=2**power - 1) or "")


def _bomb(power: int) -> str:
    steps = (f"fragment F{n} on T {{ ...F{n + 1} ...F{n + 1} }}" for n in range(power))
    return f"{{ ...F0 }} {' '.join(steps)} fragment F{power} on T {{ a }}"


def test_a_bomb_of_two_to_the_two_hundredth_takes_no_time() -> None:
    document = parse(_bomb(200))
    started = time.process_time()
    assert check_limits(document, Limits()) is not None
    assert time.process_time() - started < 0.5


CYCLES = [
    "{ ...A } fragment A on T { ...A }",
    "{ ...A } fragment A on T { a ...B } fragment B on T { b ...A }",
]


@pytest.mark.parametrize("text", CYCLES)
def test_a_cycle_ends_and_is_left_to_validation(text: str) -> None:
    assert check_limits(parse(text), NONE) is None
    schema = build_schema("type Query { a: Query b: Query } type T { a: T b: T }")
    assert any("itself" in error.message for error in validate(schema, parse(text)))


def test_a_cycle_that_doubles_ends_as_well() -> None:
    text = "{ a { ...A } } fragment A on T { a { ...A } a { ...A } }"
    started = time.process_time()
    assert "too many times" in (refused(text, max_merges=2000, max_fields=2000) or "")
    assert time.process_time() - started < 0.5


def test_a_missing_fragment_is_left_to_validation() -> None:
    assert check_limits(parse("{ ...Nope }"), NONE) is None


@pytest.mark.parametrize("descriptions", [True, False])
def test_introspection_has_a_bound_of_its_own(descriptions: bool) -> None:
    text = get_introspection_query(descriptions=descriptions, input_value_deprecation=True)
    assert check_limits(parse(text), Limits()) is None
    deeper = "{ __schema { types " + "{ ofType " * 30 + "{ name }" + "}" * 30 + " } }"
    assert "introspection" in (refused(deeper) or "")


def test_pairs_of_equal_fields() -> None:
    repeated = "{ " + "a { b } " * 100 + "}"
    assert "too many times" in (refused(repeated, max_merges=2000) or "")
    assert refused("{ " + "a { b } " * 10 + "}", max_merges=2000) is None


@given(
    st.recursive(
        st.sampled_from(["a", "x: b", "y: c"]),
        lambda inner: st.lists(inner, min_size=1, max_size=4).map(
            lambda parts: "a { " + " ".join(parts) + " }"
        ),
        max_leaves=30,
    )
)
def test_the_counts_of_any_operation(selection: str) -> None:
    text = f"{{ {selection} }}"
    depth = max(text[:end].count("{") - text[:end].count("}") for end in range(len(text)))
    aliases, fields = text.count(":"), len([w for w in text.split() if w[0] in "abc"])
    assert refused(text, max_depth=depth, max_aliases=aliases, max_fields=fields) is None
    assert refused(text, max_depth=depth - 1) is not None
    assert refused(text, max_fields=fields - 1) is not None
    if aliases:
        assert refused(text, max_aliases=aliases - 1) is not None

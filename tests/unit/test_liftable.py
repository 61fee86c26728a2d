"""Only literals that nobody could see as variables are lifted."""

from __future__ import annotations

import pytest
from graphql import parse, specified_rules, validate

from fraiseql_strawberry.graphql.compiler import normalise
from fraiseql_strawberry.graphql.liftable import liftable
from tests.unit.echo_schema import make_schema, upper

GRAPHQL = make_schema()._schema
ID = "3f2b8a52-96cc-4f0a-b3a0-5d2c5d9b8d10"


def lifts(text: str) -> list[str]:
    """The literals of a text that become variables."""
    document, normal = parse(text), normalise(text)
    assert not validate(GRAPHQL, document, specified_rules)
    return [normal.literals[n] for n in liftable(GRAPHQL, document, normal)]


@pytest.mark.parametrize(
    ("text", "literals"),
    [
        ('{ scalars(s: "a", n: 1, f: 2.5, i: 3) }', ['"a"', "1", "2.5", "3"]),
        (f'{{ required(id: "{ID}", n: 5) }}', [f'"{ID}"', "5"]),
        ('{ scalars(date: "2026-01-01", dec: 1.5, big: 7) }', ['"2026-01-01"', "1.5", "7"]),
        ('{ __type(name: "Echo") { name } }', ['"Echo"']),
        ('mutation { write(title: "a", n: 4) { answer } }', ['"a"', "4"]),
        ("query ($n: Int) { a: child(n: $n) { answer } child(n: 5) { answer } }", ["5"]),
        # Scalars of the user's, lists, enums, booleans, and what directives are given.
        ('{ scalars(shout: "a") }', []),
        ("{ scalars(numbers: 5) }", []),
        ("{ scalars(numbers: [5], state: LIVE, flag: true) }", []),
        ("{ scalars @include(if: true) }", []),
        ("query ($n: Int = 5) { child(n: $n) { answer } }", []),
        # `info` holds the nodes of a field and of those below it.
        (
            '{ seen(s: "a", n: 1, i: 2) { child(n: 3) { answer } } child(n: 4) { answer } }',
            ['"a"', "4"],
        ),
        (f'{{ seen(i: "a") {{ scalars(s: "b", uuid: "{ID}") }} }}', ['"a"', '"b"']),
        ("{ guarded(n: 1) child(n: 2) { answer } }", ["2"]),
        ("{ seen { ...F } child { ...F } } fragment F on Echo { child(n: 5) { answer } }", []),
        ("{ child { ...F } } fragment F on Echo { child(n: 5) { answer } }", ["5"]),
        ("{ node { plain(n: 1) seenInSome(n: 2) } }", ["1"]),
    ],
)
def test_what_nobody_can_see_is_lifted(text: str, literals: list[str]) -> None:
    assert lifts(text) == literals


def test_unusual_documents_are_left_alone() -> None:
    schema = make_schema(directives=[upper])._schema
    for text, expected in (
        ("subscription { ticks(n: 5) }", ()),
        ("{ child(n: 5) { answer @upper } }", ()),
        ("{ child(n: 5) { answer @skip(if: false) } }", (0,)),
    ):
        document = parse(text)
        assert not validate(schema, document, specified_rules)
        assert liftable(schema, document, normalise(text)) == expected

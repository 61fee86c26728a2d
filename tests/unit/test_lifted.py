"""Documents that differ in literals only are one document, and answer as Strawberry alone does."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterator
from typing import Any, ClassVar
from uuid import UUID

import pytest
import strawberry
from graphql import GraphQLError, parse
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strawberry.extensions import SchemaExtension

from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.config import Config
from fraiseql_strawberry.graphql.compiler import normalise
from fraiseql_strawberry.graphql.liftable import liftable
from fraiseql_strawberry.graphql.lifted import LiftedDocument
from fraiseql_strawberry.graphql.served import served_schema
from fraiseql_strawberry.scope import RequestScope, enter_scope
from tests.unit.echo_schema import make_schema

TENANT = "11111111-1111-4111-8111-111111111111"
ID = "3f2b8a52-96cc-4f0a-b3a0-5d2c5d9b8d10"

ENVIRONMENT = {"DATABASE_URL": "postgresql://app@localhost/none", "JWT_SECRET": "x" * 40}
TENANCY = Tenancy(Config.from_env(ENVIRONMENT))
PLAIN = make_schema()
OURS = make_schema(TENANCY.extension)
READINGS = served_schema(TENANCY, OURS).readings
GRAPHQL = PLAIN._schema


async def answer(
    schema: strawberry.Schema, text: str, variables: Any = None, name: str | None = None
) -> tuple[Any, list[Any]]:
    with enter_scope(RequestScope(TENANT, source="code", runtime=TENANCY)):
        result = await schema.execute(text, variables, operation_name=name)
    return result.data, [(e.path or words(e), e.locations) for e in result.errors or []]


def words(error: GraphQLError) -> str:
    """An error's message, but for those of the interpreter, which ours masks."""
    original = error.original_error
    masked = original is not None and not isinstance(original, GraphQLError)
    return "The document holds a value that cannot be read." if masked else error.message


async def same(text: str, variables: Any = None, name: str | None = None) -> tuple[Any, list[Any]]:
    ours, plain = [await answer(s, text, variables, name) for s in (OURS, PLAIN)]
    assert ours == plain
    return ours


def lifted(text: str) -> LiftedDocument:
    document, normal = parse(text), normalise(text)
    return LiftedDocument(GRAPHQL, text, document, normal, liftable(GRAPHQL, document, normal))


def test_no_literal_is_left_in_what_all_tenants_share() -> None:
    text = f'{{ a: required(id: "{ID}", n: -77) scalars(f: 7.7e7, s: "of acme", shout: "kept") }}'
    document = lifted(text)
    assert document.text == (
        '{ a: required(id: "?", n: 0) scalars(f: 0.0, s: "?", shout: "kept") }'
    )
    for secret in (ID, "77", "acme"):
        assert secret not in repr(document.node.to_dict())


def test_no_client_can_name_the_variables() -> None:
    document = lifted("query ($literal_0: Int) { child(n: 5) { child(n: $literal_0) { answer } } }")
    (operation,) = document.node.definitions
    names = [d.variable.name.value for d in operation.variable_definitions]  # type: ignore[attr-defined]
    assert names == ["literal_0", "literal 0"]
    assert document.variables(normalise("{ child(n: 5) }")) == {"literal 0": 5}


@pytest.mark.parametrize(
    ("argument", "first", "other", "value"),
    [
        ("n", "1", "-0", 0),
        ("n", "1", "2147483647", 2147483647),
        ("n", "1", "2147483648", None),
        ("n", "1", "9" * 5000, None),
        ("f", "1", "5", 5.0),
        ("f", "1.5", "-1e-3", -0.001),
        ("f", "1.5", "1e999", None),
        ("f", "1", "9" * 400, None),
        ("i", "1", "-0", "-0"),
        ("i", "1", "9" * 5000, "9" * 5000),
        ("i", '"a"', '"é\U0001f600"', "é\U0001f600"),
        ("s", '"a"', '""', ""),
        ("uuid", f'"{ID}"', '"00000000-0000-0000-0000-000000000000"', str(UUID(int=0))),
        ("uuid", f'"{ID}"', '"x"', None),
        ("date", '"2026-01-01"', '"2026-02-30"', None),
        ("moment", '"2026-01-01T00:00:00"', '"2026-01-01"', "2026-01-01"),
        ("time", '"10:00:00"', '"25:00:00"', None),
        ("interval", '"1 day"', '"2 daze"', None),
        ("dec", "1.5", "1.50", 1.5),
        ("dec", '"1.5"', '"1.50"', "1.50"),
        ("dec", '"1.5"', '"one"', None),
        ("big", "1", "9" * 30, int("9" * 30)),
        ("big", "1", "9" * 5000, None),
        ("b16", '"00"', '"xyz"', None),
    ],
)
def test_a_variable_brings_what_the_literal_says_or_nothing(
    argument: str, first: str, other: str, value: object
) -> None:
    texts = [f"{{ scalars({argument}: {literal}) }}" for literal in (first, other)]
    one, two = map(normalise, texts)
    assert one.key == two.key
    variables = lifted(texts[0]).variables(two)
    assert variables == (None if value is None else {"literal 0": value})


# -- the same as Strawberry alone -------------------------------------------------------------

TEMPLATES = [
    "{ scalars(s: <s>, n: <n>, f: <f>, i: <i>) }",
    "{ a: required(id: <uuid>) b: required(id: <uuid>, n: <n>) fails(n: <n>) }",
    "{ child(n: <n>) { answer } child(n: <n>) { fails(s: <s>) } }",
    "{ child(n: <n>) { answer } child(n: # 5\n <n>) { fails } }",
    (
        "query A { child(n: <n>) { ...F } } query B($x: Int = 5) { child(n: $x) { ...F answer } } "
        "fragment F on Echo { scalars(uuid: <uuid>, n: <n>) fails(s: <s>) }"
    ),
    "query A($s: String = <s>) { fails(s: <s>, n: <n>) scalars(s: $s, n: <n>, flag: true) }",
    "{ seen(s: <s>, n: <n>, i: <i>) { answer scalars(s: <s>, uuid: <uuid>) fails } }",
    "{ seen(s: <s>) { ...F } b: required(id: <uuid>) } fragment F on Echo { answer child(n: <n>) { fails } }",
    "{ node { plain(n: <n>) seenInSome(n: <n>) } guarded(n: <n>) }",
    "{ scalars(shout: <s>, s: <s>, date: <date>, moment: <moment>, time: <time>, interval: <interval>) fails }",
    "{ scalars(dec: <dec>, big: <big>, b16: <b16>, b64: <b64>, state: LIVE) fails }",
    "mutation { write(title: <s>, n: <n>) { answer } b: write(title: <s>) { answer fails(s: <s>) } }",
    "{ scalars(n: <n>) @include(if: true) ... @skip(if: false) { fails(n: <n>) } }",
    "# <s>\n{ fails(s: <s>,\n n: <n>) child(n: <n>)\n { fails(n: <n>), answer } }",
    "{ scalars(numbers: [<n>, <n>], n: <n>) b: scalars(numbers: <n>) }",
    "{ __type(name: <s>) { name } child(n: <n>) { __typename fails } }",
    "{ child(n: <n>) { missing } }",
]
NUMBERS = st.integers(-(2**31), 2**31 - 1).map(str)
ODD = """null true LIVE $x [1] {} "" \"\"\"x\"\"\" "\\" "\\u0041" "#" -0 1.0 1e400 05 5a"""
ANYTHING = st.one_of(
    st.sampled_from([*ODD.split(), "9" * 5000, f'"{"a" * 300}"', '"a b: 5, c(d: 6)"']),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text(max_size=10).map(json.dumps),
    st.text(string.printable, max_size=10).map(lambda text: f'"{text}"'),
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20).map(
    lambda text: json.dumps(text, ensure_ascii=False)
)
LITERALS: dict[str, st.SearchStrategy[str]] = {
    "s": TEXTS,
    "n": NUMBERS,
    "f": st.one_of(NUMBERS, st.floats(allow_nan=False, allow_infinity=False).map(repr)),
    "i": st.one_of(NUMBERS, TEXTS),
    "uuid": st.uuids().map(lambda value: f'"{value}"'),
    "date": st.dates().map(lambda value: f'"{value.isoformat()}"'),
    "moment": st.datetimes().map(lambda value: f'"{value.isoformat()}"'),
    "time": st.times().map(lambda value: f'"{value.isoformat()}"'),
    "interval": st.integers(0, 10**6).map(lambda days: f'"{days} days 01:02:03"'),
    "dec": st.one_of(
        NUMBERS, st.decimals(allow_nan=False, allow_infinity=False).map(lambda d: f'"{d}"')
    ),
    "big": st.one_of(st.integers().map(str), st.integers().map(lambda n: f'"{n}"')),
    "b16": st.binary(max_size=5).map(lambda value: f'"{value.hex().upper()}"'),
    "b64": st.sampled_from(['""', '"AAAA"', '"AA=="', '"AA"']),
}
HOLE = re.compile("<([a-z0-9]+)>")


@st.composite
def documents(draw: st.DrawFn) -> str:
    odd = draw(st.integers(0, 5)) == 0
    literals: list[str] = []

    def fill(hole: re.Match[str]) -> str:
        choices = [LITERALS[hole[1]]]
        if literals:
            choices.append(st.sampled_from(literals))  # equal ones, in merged fields for one
        if odd:
            choices.append(ANYTHING)
        literals.append(draw(st.one_of(choices) if odd or draw(st.booleans()) else choices[0]))
        return literals[-1]

    return HOLE.sub(fill, draw(st.sampled_from(TEMPLATES)))


@given(documents(), st.sampled_from(["A", "B"]))
@example('{ child(n: 5) { answer } child(n: 6) { fails(s: "a") } }', "A")
@settings(deadline=None)
async def test_data_errors_and_locations_are_those_of_strawberry_alone(
    text: str, name: str | None
) -> None:
    if f"query {name}(" not in text and f"query {name} " not in text:
        name = "A" if "query B" in text else None  # ours takes no first of several
    await same(text, {"s": "given", "x": 1} if "$" in text else None, name)


async def test_the_same_document_answers_for_texts_of_other_lengths() -> None:
    text = '{ a: child(n: %d) { answer fails(s: "%s") }\n fails(n: %d) }'
    _, errors = await same(text % (1, "é", 22))
    assert [at.line for _, (at,) in errors] == [1, 2]
    before = len(READINGS)
    for n in (7, -1234567, 0):
        for s in ("", "a" * 50):
            await same(text % (n, s, 100))
    assert len(READINGS) == before


async def test_a_log_line_holds_no_literal_of_another_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = '{ fails(s: "%s") c: child { answer } }'
    await answer(OURS, text % "a secret of acme")
    caplog.clear()
    await answer(OURS, text % "globex")
    assert "it fails" in caplog.text
    assert "acme" not in caplog.text
    assert '(s: "?")' in caplog.text


async def test_the_clients_variables_stay_the_clients() -> None:
    text = "query ($n: Int) { child(n: $n) { answer } seen(n: %d) { answer } scalars(n: %d) }"
    for number in (5, 6):
        variables = {"n": 1, "literal 0": 99, "literal 1": 98}
        data, errors = await same(text % (number, number), variables)
        assert (data["child"]["answer"], errors) == ("1", [])
        assert f"None, {number}, None" in data["scalars"]
        assert variables == {"n": 1, "literal 0": 99, "literal 1": 98}


class AfterAll(SchemaExtension):
    """What is left of an operation when it is over."""

    fraiseql_safe = True
    left: ClassVar[list[Any]] = []

    def on_operation(self) -> Iterator[None]:  # type: ignore[override]
        yield
        self.left.append(self.execution_context.variables)


async def test_nothing_is_left_in_the_clients_variables() -> None:
    schema = make_schema(AfterAll, TENANCY.extension)
    for number, brought in ((1, {"x": 1}), (2, None)):
        data, _ = await answer(schema, f"{{ child(n: {number}) {{ answer }} }}", brought)
        assert data == {"child": {"answer": str(number)}}
        assert AfterAll.left.pop() == brought
    assert len(served_schema(TENANCY, schema).readings) == 1


def test_an_error_may_be_at_a_literal() -> None:
    first = "{ child(n: 1) { answer } fails(n: 2) }"
    second = "{ child(n: 111) { answer } fails(n: 222) }"
    document = lifted(first)
    child, fails = document.node.definitions[0].selection_set.selections  # type: ignore[attr-defined]
    nodes = [child, child.arguments[0].value, fails, fails.arguments[0].value]
    error = GraphQLError("wrong", nodes)
    document.relocate([error], second, normalise(second))
    expected = [second.index(word) for word in ("child", "111", "fails", "222")]
    assert error.positions == expected
    assert [at.column for at in error.locations or []] == [at + 1 for at in expected]


def test_an_error_from_elsewhere_is_left_alone() -> None:
    document = lifted("{ child(n: 1) { answer } }")
    error = GraphQLError("wrong", parse("{ child(n: 1) { answer } }").definitions[0])
    before = error.locations
    document.relocate([error, GraphQLError("nowhere")], "{ }", normalise("{ }"))
    assert error.locations is before

"""A document is read once for all texts that differ in literals."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLError, ValidationRule, specified_rules

from fraiseql_strawberry.graphql.documents import Documents
from fraiseql_strawberry.graphql.limits import Limits
from fraiseql_strawberry.graphql.readings import Readings
from fraiseql_strawberry.graphql.recent import Recent
from tests.unit.echo_schema import make_schema

SCHEMA = make_schema()._schema
RULES = tuple(specified_rules)
CHILD = "{ child(n: %s) { answer } }"


def make_readings(**options: Any) -> Readings:
    limits = Limits(max_tokens=50, max_depth=4)
    return Readings(Documents(SCHEMA, limits, capacity=10), SCHEMA, **options)


class NoFives(ValidationRule):
    """A rule of the application's that looks at literals."""

    def enter_int_value(self, node: Any, *_: Any) -> None:
        if node.value == "5":
            self.report_error(GraphQLError("no fives", node))


def test_texts_that_differ_in_literals_are_one_document() -> None:
    readings = make_readings()
    one, two = (readings.read(CHILD % n, RULES) for n in (1, 2))
    assert one.document is two.document
    assert (one.variables, two.variables) == ({"literal 0": 1}, {"literal 0": 2})
    assert one.document.operation(None).type == "query"
    assert len(readings) == 1


def test_a_text_that_is_known_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = make_readings()
    first = readings.read(CHILD % 1, RULES)
    monkeypatch.setattr("fraiseql_strawberry.graphql.readings.normalise", None)
    assert readings.read(CHILD % 1, RULES) is first
    with pytest.raises(TypeError):
        readings.read(CHILD % 2, RULES)


def test_a_document_of_its_own_has_no_variables() -> None:
    readings = make_readings()
    for text in ("{ answer }", "query ($n: Int) { child(n: $n) { answer } }"):
        reading = readings.read(text, RULES)
        assert (reading.variables, reading.document.text) == ({}, text)
        assert readings.read(text, RULES).document is reading.document


def test_literals_that_may_not_vary_make_documents_of_their_own() -> None:
    readings = make_readings()
    text = '{ scalars(shout: "%s", n: %d) }'
    one, two, three = (readings.read(text % t, RULES) for t in (("a", 1), ("b", 1), ("a", 2)))
    assert one.document is three.document is not two.document
    assert three.variables == {"literal 1": 2}
    assert one.lifted is not None
    assert '"a"' in one.lifted.text
    assert len(readings) == 2


def test_an_invalid_literal_is_an_error_of_its_own_text() -> None:
    readings = make_readings()
    bad = CHILD % "9999999999"
    for _ in range(2):  # before anything valid is known, and after
        reading = readings.read(bad, RULES)
        (error,) = reading.document.errors
        assert "32-bit" in error.message
        assert reading.document.text == bad
        valid = readings.read(CHILD % "1", RULES)
        assert (valid.document.errors, valid.variables) == ([], {"literal 0": 1})


def test_what_is_valid_for_one_text_only_is_checked_for_each() -> None:
    readings = make_readings()
    text = "{ child(n: %d) { answer } child(n: # five\n %d) { answer } }"
    assert not readings.read(text % (5, 5), RULES).document.errors
    (error,) = readings.read(text % (6, 5), RULES).document.errors
    assert "conflict" in error.message


def test_fields_that_are_merged_keep_equal_arguments() -> None:
    readings = make_readings()
    text = "{ child(n: %d) { answer } child(n: %d) { answer } }"
    one, two = (readings.read(text % (n, n), RULES) for n in (5, 6))
    assert one.document is two.document
    (error,) = readings.read(text % (5, 6), RULES).document.errors
    assert "conflict" in error.message


def test_a_rule_of_the_applications_sees_every_literal() -> None:
    readings = make_readings()
    rules = (*RULES, NoFives)
    assert not readings.read(CHILD % 4, rules).document.errors
    (error,) = readings.read(CHILD % 5, rules).document.errors
    assert error.message == "no fives"
    assert not readings.read(CHILD % 5, RULES).document.errors


def test_the_first_text_is_no_exception() -> None:
    readings = make_readings()
    first = readings.read(CHILD % 1, RULES)
    assert readings.read(CHILD % 1, RULES).document is first.document


def test_a_document_that_went_out_of_memory_is_read_again() -> None:
    readings = make_readings(capacity=1)
    text = '{ scalars(shout: "%s", n: 1) }'
    one, two, again = (readings.read(text % letter, RULES) for letter in "aba")
    assert again.document is not one.document
    assert again.variables == two.variables == {"literal 1": 1}


def test_lifting_can_be_off() -> None:
    readings = make_readings(lifting=False)
    one, two = (readings.read(CHILD % n, RULES) for n in (1, 2))
    assert one.document is not two.document
    assert not one.variables


def test_fragments_serve_every_operation() -> None:
    readings = make_readings()
    text = (
        "query A { child { ...F } } query B { ...F answer } "
        "fragment F on Echo { child(n: %d) { answer } }"
    )
    reading = readings.read(text % 5, RULES)
    for name in ("A", "B"):
        definitions = reading.document.operation(name).node.variable_definitions or ()
        assert [each.variable.name.value for each in definitions] == ["literal 0"]


def test_memory_is_bounded_whatever_is_asked() -> None:
    documents = Documents(SCHEMA, Limits(), capacity=10)
    readings = Readings(documents, SCHEMA, capacity=10)
    for n in range(50):
        readings.read(f'{{ a{n}: scalars(n: {n}, shout: "{n}") b: scalars(n: 1) }}', RULES)
        readings.read(f"{{ a{n}: answer }}", RULES)
        readings.read(f"{{ a{n}: child(n: $x) {{ answer }} }}", RULES)
    caches = [*vars(readings).values(), *vars(documents).values()]
    assert [len(cache) for cache in caches if isinstance(cache, Recent)] == [10] * 4


def test_the_limits_hold_for_the_first_text_and_so_for_all() -> None:
    readings = make_readings()
    deep = "{ child(n: %d) { child { child { child { answer } } } } }"
    for n in range(3):
        with pytest.raises(GraphQLError, match="depth"):
            readings.read(deep % n, RULES)
        with pytest.raises(GraphQLError, match="tokens"):
            readings.read(f"{{ {'answer ' * 60} child(n: {n}) {{ answer }} }}", RULES)
    with pytest.raises(GraphQLError, match="characters"):
        readings.read(f'{{ child(n: 5) {{ answer }} fails(s: "{"a" * 200_000}") }}', RULES)
    with pytest.raises(GraphQLError, match="Syntax Error"):
        readings.read("{ child(n: 5) { answer }", RULES)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraiseql_strawberry.config.interpolate import VariableError, has_reference, interpolate

ENV = {"NAME": "v", "OTHER": "w", "EMPTY": "", "NESTED": "${NAME}", "BAD": "\udcff"}
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8"), min_size=1)


@pytest.mark.parametrize(
    ("text", "value", "written"),
    [
        ("", "", ""),
        ("plain $ and $NAME and {NAME}", "plain $ and $NAME and {NAME}", None),
        ("${NAME}", "v", ""),
        ("a${NAME}b${OTHER}c", "avbwc", "abc"),
        ("${NAME}${NAME}", "vv", ""),
        ("${MISSING:-d}", "d", "d"),
        ("${EMPTY:-d}", "d", "d"),
        ("${MISSING:-}", "", ""),
        ("${NAME:-d}", "v", ""),
        ("${MISSING:-a:-b $ {c}", "a:-b $ {c", None),
        ("$${NAME}", "${NAME}", None),
        ("$$${NAME}", "$${NAME}", None),
        ("$$NAME", "$$NAME", None),
        ("a$${b}${NAME}", "a${b}v", "a${b}"),
        ("${NESTED}", "${NAME}", ""),
    ],
)
def test_references_are_replaced(text: str, value: str, written: str | None) -> None:
    found = interpolate(text, ENV)
    assert found.value == value
    assert found.written == (value if written is None else written)
    assert found.referenced == has_reference(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("${MISSING}", "MISSING is not set"),
        ("a ${EMPTY} b", "EMPTY is empty"),
        ("${BAD}", "BAD is not UTF-8"),
        ("${NAME", "not closed"),
        ("${}", "names no variable"),
        ("${1X}", "names no variable"),
        ("${A B}", "names no variable"),
        ("${NAME-x}", "names no variable"),
        ("${NAME}${", "not closed"),
        ("${Ä}", "names no variable"),
        ("${A:-${B}}", "second"),
    ],
)
def test_what_cannot_be_replaced_is_named(text: str, says: str) -> None:
    assert has_reference(text)
    with pytest.raises(VariableError, match=says) as caught:
        interpolate(text, ENV)
    assert caught.value.hint


def test_the_nearest_variable_is_suggested() -> None:
    with pytest.raises(VariableError, match=r"Did you mean \$\{DATABASE_URL\}\?"):
        interpolate("${DATABSE_URL}", {"DATABASE_URL": "x", "DATABSE_URLS": ""})


def test_a_text_does_not_show_what_it_holds() -> None:
    assert repr(interpolate("${NAME}hunter2", ENV)) == "Text(***)"


PLAIN = st.text(alphabet="ab $}{-:").filter(lambda text: "${" not in text)


@given(NAMES, VALUES, PLAIN, PLAIN)
def test_a_value_stands_where_its_reference_stood(
    name: str, value: str, before: str, after: str
) -> None:
    """Whatever the value holds, it is not looked at again."""
    before = before.rstrip("$")  # "$${" is an escape
    found = interpolate(f"{before}${{{name}}}{after}", {name: value})
    assert found.value == f"{before}{value}{after}"
    assert found.written == f"{before}{after}"


@given(st.text(), st.dictionaries(NAMES, st.text()))
def test_text_without_references_is_left_alone(text: str, env: dict[str, str]) -> None:
    if "${" not in text:
        assert interpolate(text, env).value == text


@given(st.text(alphabet="$${}:-aA_0 "), st.dictionaries(NAMES, st.text(max_size=3)))
def test_nothing_but_a_variable_error_is_raised(text: str, env: dict[str, str]) -> None:
    try:
        found = interpolate(text, env)
    except VariableError:
        assert has_reference(text)
    else:
        assert len(found.written) <= len(text)


@given(VALUES.map(lambda text: f"Zq{text}9Xw"), st.sampled_from(["{}${{NO}}", "${{A:-{}${{}}"]))
def test_an_error_does_not_quote_the_text(secret: str, shape: str) -> None:
    with pytest.raises(VariableError) as caught:
        interpolate(shape.format(secret.replace("}", "")), {"SECRET": secret})
    assert "9Xw" not in str(caught.value)

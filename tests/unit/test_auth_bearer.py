"""The token comes from exactly one `Authorization: Bearer` header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraiseql_strawberry.auth import InvalidToken, bearer_token

TOKEN = b"abc.def.ghi"


def test_no_authorization_header_is_an_anonymous_request() -> None:
    assert bearer_token([]) is None
    assert bearer_token([(b"host", b"x"), (b"x-authorization", b"Bearer " + TOKEN)]) is None


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER", b"bEaReR"])
@pytest.mark.parametrize("name", [b"authorization", b"Authorization"])
def test_scheme_and_header_name_are_case_insensitive(scheme: bytes, name: bytes) -> None:
    assert bearer_token([(b"host", b"x"), (name, scheme + b" " + TOKEN)]) == "abc.def.ghi"


def test_more_than_one_space_may_follow_the_scheme() -> None:
    assert bearer_token([(b"authorization", b"Bearer   " + TOKEN + b" ")]) == "abc.def.ghi"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer    ",
        TOKEN,
        b"Basic YTpi",
        b"Token " + TOKEN,
        b"BearerX " + TOKEN,
        b" Bearer " + TOKEN,
        b"Bearer\t" + TOKEN,
        b"Bearer: " + TOKEN,
        b"Bearer t\xc3\xb6ken",
        b"Bearer \xff\xfe",
    ],
)
def test_anything_but_bearer_and_a_token_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidToken):
        bearer_token([(b"authorization", value)])


@pytest.mark.parametrize("second", [b"Bearer " + TOKEN, b"Bearer other", b"Basic YTpi", b""])
def test_two_headers_are_refused_even_when_they_agree(second: bytes) -> None:
    first = (b"authorization", b"Bearer " + TOKEN)
    for headers in ([first, (b"Authorization", second)], [(b"authorization", second), first]):
        with pytest.raises(InvalidToken):
            bearer_token(headers)


@given(st.binary(max_size=40))
def test_no_bytes_get_another_answer_than_a_token_or_a_refusal(value: bytes) -> None:
    try:
        token = bearer_token([(b"authorization", b"Bearer " + value)])
    except InvalidToken:
        return
    assert token is not None
    assert token.encode() == value.strip(b" ")

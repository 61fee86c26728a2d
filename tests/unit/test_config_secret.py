from __future__ import annotations

import copy
import dataclasses
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraiseql_strawberry.config import Secret, SecretUrl, redact_url
from fraiseql_strawberry.config.secret import url_passwords

# Long and unlike anything that a message holds by itself.
PASSWORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="\n\r"), min_size=8, max_size=30
).map(lambda text: f"Zq{text}9Xw")


@dataclasses.dataclass(frozen=True, slots=True)
class Holder:
    secret: Secret


def test_only_reveal_gives_the_text() -> None:
    secret = Secret("correct horse battery")
    assert secret.reveal() == "correct horse battery"
    assert repr(secret) == str(secret) == f"{secret}" == "Secret(***)"
    assert f"{secret:>12}" == " Secret(***)"
    assert "%s %r" % (secret, secret) == "Secret(***) Secret(***)"  # noqa: UP031


def test_it_equals_its_like_but_never_a_text() -> None:
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("postgresql://h/d") != SecretUrl("postgresql://h/d")
    assert Secret("\ud800") != Secret("é")


def test_its_size_is_in_bytes() -> None:
    assert Secret("é").size == 2


def test_a_secret_is_made_of_text_only() -> None:
    with pytest.raises(TypeError, match="not of bytes") as caught:
        Secret(b"hunter2hunter2")  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("secret", [Secret("hunter2"), SecretUrl("postgresql://u:hunter2@h/d")])
def test_it_does_not_leave_the_process(secret: Secret) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(secret, protocol)
    with pytest.raises(TypeError) as caught:
        json.dumps(secret)
    assert "hunter2" not in str(caught.value)
    held = dataclasses.asdict(Holder(secret))
    assert "hunter2" not in repr(held)
    assert "hunter2" not in json.dumps(held, default=str)
    with pytest.raises(TypeError):
        secret.__getstate__()


def test_copies_are_the_same_object() -> None:
    secret = Secret("a")
    assert copy.copy(secret) is copy.deepcopy(secret) is secret


def test_it_cannot_be_changed() -> None:
    secret = Secret("a")
    for name in ("_value", "other"):
        with pytest.raises(AttributeError):
            setattr(secret, name, "b")
    with pytest.raises(AttributeError):
        del secret._value
    assert secret.reveal() == "a"


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("postgresql://h/d", "postgresql://h/d"),
        ("postgresql://u@h:5432/d", "postgresql://u@h:5432/d"),
        ("postgresql+asyncpg://u:p@h:1/d", "postgresql+asyncpg://u:***@h:1/d"),
        ("postgresql://u:p@ss@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:p/a?s#s@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u%3Ap@h/d", "postgresql://u:***@h/d"),
        ("postgresql://:p@h/d", "postgresql://:***@h/d"),
        ("postgresql://h/d?password=p", "postgresql://h/d?password=***"),
        (
            "postgresql://u:p@h/d?ssl=require&sslpassword=a;b#c&port=1",
            "postgresql://u:***@h/d?ssl=require&sslpassword=***&port=1",
        ),
        ("postgresql://h/d?pass%77ord=p", "postgresql://h/d?pass%77ord=***"),
        ("postgresql://h/d?PASSWORD=p&q&r=s", "postgresql://h/d?PASSWORD=***&***&***"),
        ("postgresql://h/d?passfile=/p&host=/tmp", "postgresql://h/d?***&host=/tmp"),
        ("postgresql://h/d?", "postgresql://h/d?"),
        ("postgresql://h/d?password=a:b@c", "postgresql://h/d?password=***"),
        ("host=h password=p", "***"),
        ("p", "***"),
        ("", "***"),
    ],
)
def test_a_url_shows_no_password(url: str, redacted: str) -> None:
    assert redact_url(url) == redacted


def test_a_secret_url_prints_redacted() -> None:
    url = SecretUrl("PostgreSQL://u:p@h/d")
    assert repr(url) == "SecretUrl('PostgreSQL://u:***@h/d')"
    assert str(url) == f"{url}" == url.redacted == "PostgreSQL://u:***@h/d"
    assert url.reveal() == "PostgreSQL://u:p@h/d"
    assert url.scheme == "postgresql"


@pytest.mark.parametrize("text", ["", "hunter2", "host=h password=hunter2", "1x://hunter2", "://x"])
def test_what_is_no_url_is_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="not a URL") as caught:
        SecretUrl(text)
    assert "hunter2" not in str(caught.value)


def test_not_all_that_is_masked_is_a_password() -> None:
    """A file may hold these in plain text."""
    url = (
        "postgresql://u:p@h/d?passfile=/home/u/.pgpass&application_name=token-service&sslpassword=s"
    )
    assert url_passwords(url) == ("p", "s")
    assert "/home" not in redact_url(url)


@given(
    PASSWORDS,
    st.sampled_from(
        [
            "postgresql://u:{}@h/d",
            "postgresql://u:{}@h:5432/d?x=1",
            "postgresql://:{}@/d?host=/tmp",
            "postgresql+asyncpg://u:{}@h,i/d?password=x",
        ]
    ),
)
def test_no_password_before_the_host_ever_shows(password: str, shape: str) -> None:
    """Also where it was not percent-encoded, as people do."""
    url = SecretUrl(shape.format(password))
    for shown in (repr(url), str(url), url.redacted, f"{url:>5}"):
        assert not any(part in shown for part in (password[:6], password[-6:]))


@given(PASSWORDS, st.sampled_from(["password", "sslpassword", "PassWord", "other"]))
def test_no_password_in_the_query_ever_shows(password: str, name: str) -> None:
    """Also where it holds an "&" that was not percent-encoded."""
    shown = redact_url(f"postgresql://u@h/d?ssl=require&{name}={password}&port=2")
    assert not any(part in shown for part in (password[:6], password[-6:]))
    assert shown.endswith("port=2")


@given(st.text())
def test_redaction_never_fails(text: str) -> None:
    redact_url(text)
    redact_url(f"postgresql://{text}")

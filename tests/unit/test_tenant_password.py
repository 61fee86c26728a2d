from __future__ import annotations

from pathlib import Path

import pytest

from fraiseql_strawberry.config import Secret
from fraiseql_strawberry.errors import PlacementRefused
from fraiseql_strawberry.isolation.tenant_password import PasswordRules, TenantPassword


def refer(text: str, rules: PasswordRules | None = None) -> TenantPassword:
    found = TenantPassword.refer(text, rules or PasswordRules(env={}))
    assert found is not None
    return found


def in_file(path: Path) -> TenantPassword:
    return refer(f"${{file:{path}}}", PasswordRules(files=(f"{path.parent}/*",)))


def test_a_text_is_no_reference() -> None:
    for text in (
        "",
        "pw",
        "$PW",
        "{PW}",
        "${}",
        "${a b}",
        "${file:x}",
        "x${PW}",
        "${PW}x",
        "${PW}\n",
    ):
        assert TenantPassword.refer(text, PasswordRules()) is None


def test_a_variable_is_read_each_time() -> None:
    env = {"ACME_PASSWORD": "one"}
    password = refer("${ACME_PASSWORD}", PasswordRules(env=env))
    assert password.read() == Secret("one")
    env["ACME_PASSWORD"] = "two"
    assert password.read() == Secret("two")


@pytest.mark.parametrize(
    "name", ["JWT_SECRET", "DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "password"]
)
def test_only_variables_that_a_pattern_admits(name: str) -> None:
    with pytest.raises(PlacementRefused, match="password_variables"):
        refer(f"${{{name}}}", PasswordRules(env={name: "x"}))
    admitted = PasswordRules(variables=("*",), env={name: "x"})
    assert refer(f"${{{name}}}", admitted).read() == Secret("x")


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set(value: str | None) -> None:
    env = {} if value is None else {"ACME_PASSWORD": value}
    with pytest.raises(PlacementRefused, match="ACME_PASSWORD, which is not set"):
        refer("${ACME_PASSWORD}", PasswordRules(env=env)).read()


@pytest.mark.parametrize(
    ("content", "password"), [(b"pw", "pw"), (b"pw\n", "pw"), (b"pw\r\n", "pw"), (b" p w \n\n", " p w \n")]
)  # fmt: skip
def test_a_file_without_its_last_line_break(tmp_path: Path, content: bytes, password: str) -> None:
    (tmp_path / "acme").write_bytes(content)
    assert in_file(tmp_path / "acme").read() == Secret(password)


def test_a_file_may_change(tmp_path: Path) -> None:
    (tmp_path / "acme").write_text("one")
    password = in_file(tmp_path / "acme")
    assert password.read() == Secret("one")
    (tmp_path / "acme").write_text("two")
    assert password.read() == Secret("two")


@pytest.mark.parametrize("path", ["/etc/passwd", "/run/secrets/../../etc/passwd", "/run/secrets"])
def test_only_files_that_a_pattern_admits(path: str) -> None:
    with pytest.raises(PlacementRefused, match="password_files"):
        refer(f"${{file:{path}}}")


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "empty"), (b"\n", "empty"), (b"x" * 5000, "longer"), (b"Zq\xff9Xw", "no text"), (None, "No such")],
)  # fmt: skip
def test_a_file_that_holds_no_password(tmp_path: Path, content: bytes | None, why: str) -> None:
    if content is not None:
        (tmp_path / "acme").write_bytes(content)
    with pytest.raises(PlacementRefused, match=why) as caught:
        in_file(tmp_path / "acme").read()
    assert "Zq" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_where_it_is_shows_what_it_is_does_not() -> None:
    assert "hunter2" not in repr(TenantPassword(given=Secret("hunter2")))
    rules = PasswordRules(env={"ACME_PASSWORD": "hunter2"})
    assert "hunter2" not in repr(rules) + repr(refer("${ACME_PASSWORD}", rules))

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from fraiseql_strawberry.cli.failures import CommandFailed, Commands, redacted
from fraiseql_strawberry.errors import (
    BadUserInput,
    ConfigError,
    ServiceUnavailable,
    SetupError,
    TenantUnavailable,
)


def run(error: BaseException) -> tuple[int, str, str, BaseException | None]:
    """The exit code, both outputs and what else came out of a command that raises."""
    app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)

    @app.command()
    def fails() -> None:
        raise error

    @app.callback()
    def group() -> None: ...

    result = CliRunner().invoke(app, ["fails"])
    return result.exit_code, result.stdout, result.stderr, result.exception


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (SetupError("no key"), 2, "error: no key\n"),
        (
            ConfigError("wrong", file="f.toml", line=3, hint="Mend it"),
            2,
            "error: f.toml:3: wrong. Mend it\n",
        ),
        (BadUserInput("Argument 'limit': too large"), 2, "error: Argument 'limit': too large\n"),
        (CommandFailed("PostgreSQL: no"), 1, "error: PostgreSQL: no\n"),
        (
            TenantUnavailable(hint="it is suspended"),
            1,
            "error: Tenant not available (it is suspended)\n",
        ),
        (ServiceUnavailable(), 1, "error: Service temporarily unavailable\n"),
        (
            PermissionError(13, "Permission denied", "/etc/x"),
            1,
            "error: /etc/x: Permission denied\n",
        ),
        (OSError("odd"), 1, "error: odd\n"),
    ],
)
def test_an_expected_error_is_one_line_on_stderr(
    error: BaseException, code: int, said: str
) -> None:
    assert run(error)[:3] == (code, "", said)


def test_a_fault_of_our_own_keeps_its_traceback() -> None:
    code, _, _, raised = run(LookupError("ours"))
    assert code == 1
    assert isinstance(raised, LookupError)


def test_no_password_is_printed() -> None:
    message = (
        "cannot reach postgresql://app:hunter2@db/x?sslpassword=hunter2, or 'redis://:hunter2@r'"
    )
    for said in (redacted(message), run(SetupError(message))[2]):
        assert "hunter2" not in said
        assert "postgresql://app:***@db/x?sslpassword=***" in said


def test_plain_text_is_left_alone() -> None:
    assert redacted("blog.app:app at http://localhost:8080/x") == (
        "blog.app:app at http://localhost:8080/x"
    )

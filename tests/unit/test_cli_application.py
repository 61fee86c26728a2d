from __future__ import annotations

import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from fraiseql_strawberry.cli.application import app

COMMANDS = [
    "check",
    "init",
    "prove",
    "schema",
    "serve",
    "sql",
    "token",
    "migrate",
    "seal",
    "tenants",
]


def shown(*arguments: str) -> str:
    """What a call prints on a wide terminal, without colours (which CI may switch on)."""
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", result.stdout)


def test_the_commands_are_listed() -> None:
    text = shown("--help")
    assert re.findall(r"^│ (\w+)  ", text, re.MULTILINE) == COMMANDS
    assert "Exit codes: 0 success" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_shows_an_example(command: str) -> None:
    assert f"Example: fraiseql-strawberry {command} " in shown(command, "--help")


def test_the_version() -> None:
    number = r"\d+\.\d+\.\d+\S*|\(not installed\)"  # the tests may run from the source alone
    assert re.fullmatch(rf"fraiseql-strawberry ({number})\n", shown("--version"))


@pytest.mark.parametrize("arguments", [["nope"], ["schema"], ["token", "--tenantt", "x"]])
def test_a_wrong_call_ends_with_code_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage:" in result.stderr


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "fraiseql_strawberry", "schema", "nowhere_at_all"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: there is no module 'nowhere_at_all'")
    assert done.stderr.count("\n") == 1

"""The SQL of policies is written once: the example, its page and `init` say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fraiseql_strawberry.cli.scaffold import Names, scaffold
from fraiseql_strawberry.sql import golden

ROOT = Path(__file__).parents[2]
EXAMPLE = "\n".join(
    path.read_text("utf-8") for path in sorted((ROOT / "example_app/sql").glob("[1-9]*.sql"))
)
PAGE = (ROOT / "docs/explanation/golden-sql.md").read_text("utf-8")
TABLES = ["app.tb_user", "app.tb_post", "app.tb_comment"]


def policies(table: str) -> list[str]:
    return [
        golden.create_policy(table, name, permissive=permissive)
        for name, permissive in golden.POLICIES.items()
    ]


def test_the_example_has_no_policy_of_its_own() -> None:
    wanted = [policy for table in TABLES for policy in policies(table)]
    found = re.findall(r"^CREATE POLICY .*?(?=;$)", EXAMPLE, re.MULTILINE | re.DOTALL)
    assert found == wanted


def test_the_example_switches_row_security_on_as_we_do() -> None:
    wanted = [line for table in TABLES for line in golden.enable_row_security(table)]
    assert re.findall(r"^ALTER TABLE .* ROW LEVEL SECURITY(?=;$)", EXAMPLE, re.MULTILINE) == wanted


def test_the_example_has_our_helper() -> None:
    assert f"\n{golden.create_helper()};\n" in EXAMPLE


def test_the_example_hands_over_as_we_do() -> None:
    for table in TABLES:
        assert f"\n{golden.hand_over('TABLE', table, 'app_owner')};\n" in EXAMPLE
        view = table.replace("tb_", "v_")
        assert f"\n{golden.hand_over('VIEW', view, 'app_owner')};\n" in EXAMPLE


def test_the_page_shows_the_same_for_a_table_of_your_own() -> None:
    table = "app.tb_reaction"
    for statement in (
        *golden.enable_row_security(table),
        *policies(table),
        golden.create_view("app.v_reaction", f"SELECT post_id, user_id, emoji FROM {table}"),
        golden.grant_access("TABLE", table, "app"),
        golden.grant_access("VIEW", "app.v_reaction", "app"),
        golden.hand_over("TABLE", table, "app_owner"),
    ):
        assert f"{statement};\n" in PAGE


def test_what_init_writes_is_the_same() -> None:
    text = scaffold("row", Names("blog", "blog", "app"))["row_level_security.sql"]
    for statement in (
        golden.create_helper(),
        *golden.enable_row_security("app.tb_note"),
        *policies("app.tb_note"),
    ):
        assert f"\n{statement};\n" in text


def test_a_policy_says_only_what_its_command_takes() -> None:
    using = {}
    for command in golden.COMMANDS:
        text = golden.create_policy("t", "p", command=command)
        using[command] = ("USING" in text, "WITH CHECK" in text)
    assert using == {
        "ALL": (True, True),
        "SELECT": (True, False),
        "INSERT": (False, True),
        "UPDATE": (True, True),
        "DELETE": (True, False),
    }


def test_on_citus_the_helper_is_called_for_each_row() -> None:
    assert "SELECT fraiseql" not in golden.create_policy("t", "p", inlined=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [("a", "'a'"), ("it's", "'it''s'"), ("a\\b'", " E'a\\\\b'''")],
)
def test_a_text(text: str, said: str) -> None:
    assert golden.literal(text) == said


@pytest.mark.parametrize(
    ("name", "said"),
    [("tb_post", "tb_post"), ("order", '"order"'), ("Post", '"Post"'), ('a"b', '"a""b"')],
)
def test_a_name(name: str, said: str) -> None:
    assert golden.identifier(name) == said
    assert golden.qualified(name, "app") == f"app.{said}"


def test_a_view_may_end_with_a_semicolon() -> None:
    view = golden.create_view("v", " SELECT 1; \n", replace=True)
    assert view == "CREATE OR REPLACE VIEW v WITH (security_invoker = true) AS\n  SELECT 1"

"""squawk and pgspot have nothing to say against the SQL that we generate.

What they are told to leave out, and why, stands in docs/explanation/how-it-is-tested.md.
"""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest

from example_app.contents import sql
from fraiseql_strawberry.cli.scaffold import Names, scaffold
from fraiseql_strawberry.sql import golden

PROGRAMS = Path(sysconfig.get_path("scripts"))
NAMES = Names("shop", "shop", "shop_app")
# As whoever runs migrations is set up: within a transaction, with a path that leads nowhere.
SET_UP = """
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1min';
"""
EXAMPLE = ("3_schemas", "4_tables", "5_policies", "6_views", "announce_changes", "7_registry")
TABLE = "app.tb_note"
OPERATIONS = (
    *golden.enable_row_security(TABLE),
    *(
        golden.create_policy(TABLE, name, permissive=permissive, command=command)
        for command in golden.COMMANDS
        for name, permissive in golden.POLICIES.items()
    ),
    golden.create_view("app.v_note", f"SELECT id FROM {TABLE}"),
    golden.grant_access("TABLE", TABLE, "app"),
    golden.grant_access("VIEW", "app.v_note", "app"),
    golden.revoke_access("TABLE", TABLE, "app"),
    golden.hand_over("TABLE", TABLE, "app_owner"),
    golden.drop_policy(TABLE, "tenant_access"),
    *golden.disable_row_security(TABLE),
)

GENERATED: dict[str, str] = {
    "example": SET_UP + "".join(map(sql, EXAMPLE)),
    "operations": SET_UP + "".join(f"{statement};\n" for statement in OPERATIONS),
    **{
        f"{strategy} {name}": text
        for strategy in ("row", "schema", "database")
        for name, text in scaffold(strategy, NAMES).items()
        if name.endswith(".sql")
    },
    "sealed": scaffold("row", NAMES, sealed=True)["row_level_security.sql"],
}


def squawk(text: str, folder: Path) -> str:
    """What it says."""
    path = folder / "audited.sql"
    path.write_text(text)
    options = ["--pg-version", "15.0", "--reporter", "gcc"]
    options += ["--exclude", "require-concurrent-index-creation"]  # the tables are new, and empty
    if "\nBEGIN;" not in text:
        options.append("--assume-in-transaction")
    return run("squawk", *options, str(path))


def pgspot(text: str, folder: Path) -> str:
    """What it says."""
    path = folder / "audited.sql"
    # It ends at a function with a body of standard SQL, which is parsed when it is created.
    path.write_text(text.replace(f"{golden.create_helper()};", ""))
    return run("pgspot", "--ignore", "PS010", str(path))


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [PROGRAMS / program, *arguments], capture_output=True, text=True, check=False
    )
    return f"{done.returncode} {done.stdout}{done.stderr}".strip()


@pytest.mark.parametrize("name", GENERATED)
def test_squawk_says_nothing(name: str, tmp_path: Path) -> None:
    assert squawk(GENERATED[name], tmp_path) == "0"


@pytest.mark.parametrize("name", GENERATED)
def test_pgspot_says_nothing(name: str, tmp_path: Path) -> None:
    said = pgspot(GENERATED[name], tmp_path)
    assert said.startswith("0 "), said
    assert "Errors: 0 Warnings: 0 Unknown: 0" in said, said


def test_they_would_say_something(tmp_path: Path) -> None:
    assert "ban-drop-column" in squawk("ALTER TABLE app.tb_note DROP COLUMN id;", tmp_path)
    definer = "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT now()';"
    assert "PS003" in pgspot(definer, tmp_path)

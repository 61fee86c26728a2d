from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fraiseql_strawberry.cli.application import app
from fraiseql_strawberry.config import load_config
from fraiseql_strawberry.registry import ANNOUNCE_CHANGES
from fraiseql_strawberry.sql import sealed

ENV = {
    "DATABASE_URL": "postgresql://app:x@localhost/blog",
    "REGISTRY_DATABASE_URL": "postgresql://app:x@localhost/registry",
    "JWT_SECRET": "a-secret-for-tests-that-is-long-enough-for-anyone",
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "My Shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["init", *arguments])


@pytest.mark.parametrize("strategy", ["row", "schema", "database"])
def test_the_configuration_loads(strategy: str) -> None:
    assert run("--strategy", strategy).exit_code == 0
    config = load_config("fraiseql.toml", ENV)
    assert config.multitenancy.strategy == strategy
    assert config.project.name == "My Shop"
    assert config.auth.enabled
    assert config.warnings == ()  # no secret stands in it
    # What is commented out is right, too.
    text = Path("fraiseql.toml").read_text().splitlines()
    tomllib.loads("\n".join(line.removeprefix("# ") for line in text if " = " in line[:30]))


def test_a_sealed_service(here: Path) -> None:
    assert run("--sealed").exit_code == 0
    config = load_config("fraiseql.toml", {**ENV, "ADMIN_DATABASE_URL": "postgresql://h/d"})
    assert config.multitenancy.sealed
    assert config.multitenancy.seal.key_file == "seal.key"
    assert config.database.admin_url is not None
    sql = Path("row_level_security.sql").read_text()
    assert sealed.create_sealed_helper() + ";" in sql
    assert "ALTER TABLE fraiseql.seal_keys OWNER TO app_owner;" in sql
    assert "seal rotate" in run("--sealed", "--force").stdout
    refused = run("--strategy", "schema", "--sealed", "--output-dir", "x")
    assert (refused.exit_code, refused.stdout) == (2, "")


def test_policies_are_for_rows_only() -> None:
    run("--output-dir", "row")
    assert {file.name for file in Path("row").iterdir()} == {
        "fraiseql.toml",
        "roles.sql",
        "row_level_security.sql",
        "tenants.sql",
    }
    run("--strategy", "schema", "--output-dir", "schema")
    assert {file.name for file in Path("schema").iterdir()} == {
        "fraiseql.toml",
        "roles.sql",
        "tenants.sql",
    }
    assert "SET search_path = pg_catalog, pg_temp;" in Path("schema/roles.sql").read_text()


def test_the_names_are_filled_in() -> None:
    run("--database", "shop_db", "--role", "shop")
    roles, policies = (Path(f"{name}.sql").read_text() for name in ("roles", "row_level_security"))
    assert (
        'ALTER ROLE "shop" IN DATABASE "shop_db" SET search_path = app, fraiseql, pg_temp;' in roles
    )
    assert "IF current_database() <> 'shop_db' THEN" in roles
    assert 'GRANT "shop_owner" TO "shop_migrator";' in roles
    assert 'ALTER TABLE app.tb_note OWNER TO "shop_owner";' in policies
    for text in (roles, policies, Path("fraiseql.toml").read_text()):
        assert not {":role", ":database", ":owner", ":project"} & set(text.split('"'))
        assert "PASSWORD" not in text


def test_each_strategy_has_its_table_of_tenants() -> None:
    for strategy, file, key in (
        ("row", "tenants.sql", "id uuid PRIMARY KEY"),
        ("schema", "tenants.sql", "id text PRIMARY KEY"),
        ("database", "registry.sql", "tenant_id uuid PRIMARY KEY"),
    ):
        run("--strategy", strategy, "--output-dir", strategy)
        sql = Path(strategy, file).read_text()
        assert key in sql
        assert ANNOUNCE_CHANGES in sql
    told = run("--strategy", "database", "--output-dir", "again").stdout
    assert "-f again/registry.sql" in told
    assert "export REGISTRY_DATABASE_URL=" in told


def test_the_database_is_called_as_the_folder() -> None:
    run()
    assert 'GRANT CONNECT ON DATABASE "my_shop"' in Path("roles.sql").read_text()


def test_nothing_is_overwritten_unasked() -> None:
    Path("roles.sql").write_text("mine")
    refused = run()
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "there is already roles.sql" in refused.stderr
    assert Path("roles.sql").read_text() == "mine"
    assert not Path("fraiseql.toml").exists()
    assert run("--force").exit_code == 0
    assert "CREATE ROLE" in Path("roles.sql").read_text()


def test_the_next_steps_are_told() -> None:
    result = run("--output-dir", "a folder")
    assert "wrote a folder/fraiseql.toml" in result.stdout
    assert "createdb a_folder" in result.stdout
    assert "-f 'a folder/roles.sql'" in result.stdout
    assert "fraiseql-strawberry serve" in result.stdout


def test_as_json(here: Path) -> None:
    answer = json.loads(run("--json").stdout)
    assert answer["files"] == [
        str(here / name)
        for name in ("fraiseql.toml", "roles.sql", "row_level_security.sql", "tenants.sql")
    ]
    assert "createdb my_shop" in answer["next"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--role", 'a"; DROP ROLE x; --'),
        ("--role", "pg_app"),
        ("--role", "App"),
        ("--role", "a" * 51),
        ("--database", "1a"),
        ("--name", 'a"b'),
        ("--name", "a\nb"),
        ("--strategy", "none"),
    ],
)
def test_a_name_that_sql_or_toml_would_misread_is_refused(arguments: tuple[str, str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert list(Path().iterdir()) == []


def test_a_folder_that_cannot_be_written() -> None:
    Path("file").touch()
    result = run("--output-dir", "file/below")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr

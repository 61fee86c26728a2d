"""`fraiseql-strawberry check`, on a database that is in order and on one that is not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.cli.application import app
from fraiseql_strawberry.errors import UnsafeDatabase

SECRET = "a-secret-for-tests-that-is-long-enough-for-anyone"


@pytest.fixture
async def broken(fresh_blog: Urls) -> Urls:
    """A blog with an error, a warning and nothing else."""
    admin = await asyncpg.connect(fresh_blog.admin_url)
    await admin.execute(
        "ALTER VIEW app.v_post RESET (security_invoker); "
        "ALTER VIEW app.v_user SET (security_barrier)"
    )
    await admin.close()
    return fresh_blog


def run(urls: Urls, *arguments: str, **env: str) -> Any:
    world = {"DATABASE_URL": urls.app_url, "JWT_SECRET": SECRET, **env}
    result = CliRunner().invoke(app, ["check", *arguments], env=world)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_database_in_order_says_so(blog: Urls, tmp_path: Path) -> None:
    done = run(blog)
    assert done.exit_code == 0
    assert "Nothing to mend." in done.stdout


async def test_findings_are_shown_with_what_mends_them(broken: Urls, tmp_path: Path) -> None:
    done = await asyncio.to_thread(run, broken, "--fix-sql", "mend.sql", "--sarif", "check.sarif")
    assert done.exit_code == 1
    assert "V01" in done.stdout
    assert "V04" in done.stdout
    sarif = json.loads((tmp_path / "check.sarif").read_text())
    assert [one["ruleId"] for one in sarif["runs"][0]["results"]] == ["V01", "V04"]
    admin = await asyncpg.connect(broken.admin_url)
    await admin.execute((tmp_path / "mend.sql").read_text())
    await admin.close()
    assert (await asyncio.to_thread(run, broken)).exit_code == 0


def test_json_is_for_machines(broken: Urls, tmp_path: Path) -> None:
    done = run(broken, "--json")
    answer = json.loads(done.stdout)
    assert answer["counts"] == {"error": 1, "warning": 1, "info": 0}
    assert {one["key"] for one in answer["findings"]} == {"V01:app.v_post", "V04:app.v_user"}
    assert done.exit_code == 1


def test_what_is_known_is_left_out_with_its_reason(broken: Urls, tmp_path: Path) -> None:
    (tmp_path / "fraiseql.toml").write_text(
        '[check]\nignore = ["V01:app.v_post it is being mended", "V04 known"]\n'
    )
    done = run(broken)
    assert done.exit_code == 0
    assert "it is being mended" in done.stdout
    (tmp_path / "fraiseql.toml").unlink()
    assert run(broken, "--ignore", "V01:app.v_post").exit_code == 0
    strict = run(broken, "--ignore", "V01:app.v_post", "--fail-on", "warning")
    assert strict.exit_code == 1


def test_a_finding_without_a_reason_is_refused(blog: Urls, tmp_path: Path) -> None:
    (tmp_path / "fraiseql.toml").write_text('[check]\nignore = ["V01:app.v_post"]\n')
    done = run(blog)
    assert done.exit_code == 2
    assert "the reason why it stands" in done.stderr


def test_no_database_no_traceback_and_no_password(blog: Urls, tmp_path: Path) -> None:
    url = "postgresql://app:hunter2@127.0.0.1:1/none"
    done = run(blog, DATABASE_URL=url)
    assert done.exit_code == 1
    assert "cannot be reached" in done.stderr
    assert "hunter2" not in done.stderr


async def test_a_service_does_not_start_on_what_leaks_now(
    broken: Urls, make_tenancy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UnsafeDatabase) as caught:
        async with make_tenancy(broken):
            pass
    assert "V01 app.v_post" in str(caught.value)
    assert "SET (security_invoker = true)" in caught.value.fix
    async with make_tenancy(broken, multitenancy={"startup_check": "warn"}) as running:
        assert isinstance(running, Tenancy)
    assert "V01 app.v_post" in caplog.text
    caplog.clear()
    async with make_tenancy(broken, multitenancy={"startup_check": "off"}):
        assert "V01" not in caplog.text

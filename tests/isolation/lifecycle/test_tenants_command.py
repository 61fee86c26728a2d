"""`fraiseql-strawberry tenants`: what it prints, and the codes that scripts go by."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from fraiseql_strawberry.cli.application import app
from fraiseql_strawberry.cli.tenants import running
from fraiseql_strawberry.cli.tenants.showing import receipt_json
from tests.isolation.lifecycle.conftest import ACME, GLOBEX, OpenShop, Shop

TOML = """
[database]
admin_url = "${ADMIN_DATABASE_URL}"

[multitenancy]
strategy = "schema"
id_type = "uuid"
tenants_table = "fraiseql.tenants"
migrations = "%s"
"""


class Ended(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


Run = Callable[..., Awaitable[Ended]]


@pytest.fixture(scope="module")
async def shop(open_shop: OpenShop) -> AsyncIterator[Shop]:
    async with open_shop("schema") as opened:
        yield opened


@pytest.fixture
def run(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command where a fraiseql.toml stands."""
    monkeypatch.chdir(tmp_path)
    migrations = shop.tenancy.config.multitenancy.migrations
    (tmp_path / "fraiseql.toml").write_text(TOML % migrations)
    environment = {
        "DATABASE_URL": shop.tenancy.config.require_database_url().reveal(),
        "ADMIN_DATABASE_URL": shop.url,
        "COLUMNS": "200",
    }

    async def run(*arguments: str, typed: str | None = None) -> Ended:
        done = await asyncio.to_thread(
            CliRunner().invoke, app, arguments, input=typed, env=environment
        )
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Ended(done.exit_code, done.stdout, done.stderr)

    return run


async def test_a_life_on_the_command_line(shop: Shop, run: Run, tmp_path: Path) -> None:
    created = await run(
        *("tenants", "create", "Acme", "--id", ACME, "--plan", "pro", "--tag", "eu"),
        *("--setting", "seats=5", "--setting", "motto=more"),
    )
    assert (created.code, created.out) == (0, f"{ACME}\n")
    assert created.err == "Acme is active\n"
    await shop.fill(ACME, rows=3)

    listed = await run("tenants", "list")
    assert [line.split() for line in listed.out.splitlines()][1][:5] == (
        [ACME, "Acme", "pro", "active", "eu"]
    )
    (record,) = (await run("tenants", "list", "--status", "active", "--json")).json
    assert record["settings"] == {"seats": 5, "motto": "more"}
    assert (await run("tenants", "list", "--status", "suspended", "--json")).json == []
    shown = (await run("tenants", "show", ACME)).out
    assert "motto=more, seats=5" in shown
    assert "schema=tenant_1111" in shown

    changed = await run("tenants", "change", ACME, "--setting", "seats=9", "--json")
    assert changed.json["settings"] == {"seats": 9, "motto": "more"}
    assert (await run("tenants", "suspend", ACME)).err == "Acme is suspended\n"
    assert (await run("tenants", "resume", ACME, "--json")).json["status"] == "active"

    await run("tenants", "change", ACME, "--name", "[red]Acme[/]")
    exported = await run("tenants", "export", ACME, "acme.zip")
    assert exported.out.endswith("16 rows in acme.zip\n")
    assert (await run("tenants", "export", ACME, "more.zip", "--json")).json["rows"] == 16
    again = await run("tenants", "export", ACME, "acme.zip")
    assert (again.code, again.out) == (1, "")
    assert "there is a file already" in again.err

    assert "[red]Acme[/]" in (await run("tenants", "list")).out  # no mark-up of the terminal's
    archived = await run("tenants", "archive", ACME, "--to", "shelf.zip", "--yes")
    assert archived.err == "[red]Acme[/] is archived\n"
    assert (await run("tenants", "import", "shelf.zip")).out == f"{ACME}\n"
    assert await shop.count(ACME) == 3

    deleted = await run("tenants", "delete", ACME, "--yes", "--reason", "they left")
    assert "16 rows deleted" in deleted.out
    (receipt,) = (await run("tenants", "receipts", "--json")).json
    assert (receipt["tenant_id"], receipt["rows"], receipt["reason"]) == (ACME, 16, "they left")
    assert "[red]Acme[/]  16 rows, by " in (await run("tenants", "receipts", ACME)).out
    assert (await run("tenants", "list", "--json")).json == []


async def test_mistakes_are_one_line_and_code_2(shop: Shop, run: Run) -> None:
    for arguments in (
        ("tenants", "show", ACME),
        ("tenants", "show", "nobody"),
        ("tenants", "suspend", GLOBEX),
        ("tenants", "move", ACME, "--to", "db2.example.com"),
        ("tenants", "create", "Acme", "--setting", "seats"),
        ("tenants", "create", "Acme", "--seed", "nowhere:at_all"),
        ("tenants", "create", "Acme", "--seed", "json:__doc__"),
    ):
        ended = await run(*arguments)
        assert (ended.code, ended.out) == (2, ""), ended
        assert ended.err.startswith("error: ")
        assert ended.err.count("\n") == 1


async def test_nothing_is_deleted_unless_the_name_is_typed(
    shop: Shop, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run("tenants", "create", "Acme", "--id", ACME)
    refused = await run("tenants", "delete", ACME)
    assert refused.code == 2
    assert "say --yes" in refused.err
    assert (await run("tenants", "archive", ACME, "--to", "x.zip")).code == 2

    monkeypatch.setattr(running, "_somebody_is_there", lambda: True)
    mistyped = await run("tenants", "delete", ACME, typed="acme\n")
    assert mistyped.code == 1
    assert mistyped.err.endswith("Nothing was done.\n")
    assert (await shop.tenants.get(ACME)).active
    typed = await run("tenants", "delete", ACME, "--json", typed="Acme\n")
    (receipt,) = await shop.tenants.receipts(ACME, limit=1)
    assert json.loads(typed.out[typed.out.index("{") :]) == json.loads(
        json.dumps(receipt_json(receipt))
    )


async def test_the_template_is_made_anew(shop: Shop, run: Run) -> None:
    first = (await run("tenants", "template", "--json", "--warm", "2")).json
    second = (await run("tenants", "template", "--json", "--warm", "1")).json
    assert second["removed"] == [first["template"]]
    assert (first["warmed"], second["warmed"]) == (2, 1)
    assert "1 earlier ones removed, 0 copies" in (await run("tenants", "template")).out
    count = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'fraiseql\\_%\\_%'"
    assert await shop.admin.fetchval(count) == 1


async def test_what_was_cut_short_is_finished(shop: Shop, run: Run) -> None:
    assert (await run("tenants", "recover")).out == "There was nothing to finish.\n"
    await shop.admin.execute(
        "INSERT INTO fraiseql.tenants (id, name, placement) VALUES ($1, 'Acme', $2)",
        ACME,
        json.dumps({"schema": f"tenant_{ACME.replace('-', '')}"}),
    )
    assert (await run("tenants", "recover")).out == f"{ACME} is active\n"
    assert await shop.count(ACME) == 0
    await run("tenants", "delete", ACME, "--yes")


async def test_init_apply_makes_the_tables_and_keeps_them(shop: Shop, run: Run) -> None:
    await run("tenants", "create", "Acme", "--id", ACME)
    await shop.admin.execute("ALTER TABLE fraiseql.tenants DROP COLUMN tags")
    assert (await run("tenants", "list")).code == 2
    applied = await run("init", "--apply")
    assert applied.out.startswith("the schema fraiseql of the database test_")
    (record,) = (await run("tenants", "list", "--json")).json
    assert record["tags"] == []
    assert set((await run("init", "--apply", "--json")).json) == {"database", "schema"}
    await run("tenants", "delete", ACME, "--yes")


async def test_without_an_administrator_it_says_which_key(run: Run, tmp_path: Path) -> None:
    (tmp_path / "fraiseql.toml").write_text('[multitenancy]\nstrategy = "row"\n')
    ended = await run("tenants", "list")
    assert ended.code == 2
    assert "[database] admin_url" in ended.err

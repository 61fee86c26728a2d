"""Keys are rotated while the service runs, and nobody notices."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

import fraiseql_strawberry as fraiseql
from example_app import schema as blog_schema
from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.cli.application import app
from fraiseql_strawberry.config import Secret
from fraiseql_strawberry.errors import ServiceUnavailable
from fraiseql_strawberry.lifecycle.seal_keys import rotate_seal_key
from fraiseql_strawberry.seal import Sealer, key_id
from tests.sealing import KEY, seal_blog

TOML = """
[database]
url = "${DATABASE_URL}"
admin_url = "${ADMIN_DATABASE_URL}"
pool_size = 2
[multitenancy]
setting = "sealed"
[multitenancy.seal]
key_file = "seal.key"
"""
SCHEMA = fraiseql.build_schema([blog_schema.posts])
TITLES = text("SELECT title FROM v_post")


@pytest.fixture
async def blog_with_file(fresh_blog: Urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Urls:
    """A sealed blog, and the working folder of its service."""
    await seal_blog(fresh_blog)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fraiseql.toml").write_text(TOML)
    (tmp_path / "seal.key").write_text(KEY.reveal())
    return fresh_blog


async def run(urls: Urls, *arguments: str) -> Result:
    env = {
        "DATABASE_URL": urls.app_url,
        "ADMIN_DATABASE_URL": urls.admin_url,
        "JWT_SECRET": "s" * 32,
    }
    invoke: Callable[[], Result] = lambda: CliRunner().invoke(app, ["seal", *arguments], env=env)  # noqa: E731
    return await asyncio.to_thread(invoke)


def content(name: str) -> str:
    return Path(name).read_text().strip()


def mode(name: str) -> int:
    return stat.S_IMODE(Path(name).stat().st_mode)


def leftovers() -> list[str]:
    return [path.name for path in Path().iterdir() if path.name.startswith(".")]


async def believed(urls: Urls, key: Secret) -> bool:
    connection = await asyncpg.connect(urls.app_url)
    async with connection.transaction():
        seal = Sealer(lambda: key, 60)(str(ACME))
        await connection.execute("SELECT set_config('app.tenant_seal', $1, true)", seal)
        found = await connection.fetchval("SELECT fraiseql.current_tenant_id()")
    await connection.close()
    return found == ACME


async def test_nobody_notices_a_rotation(
    blog_with_file: Urls, make_tenancy: Any, tmp_path: Path
) -> None:
    tenancy: Tenancy = make_tenancy(
        blog_with_file,
        multitenancy={"setting": "sealed", "seal": {"key_file": str(tmp_path / "seal.key")}},
    )
    asked, over = 0, False

    async def ask_on(tenant: Any) -> None:
        nonlocal asked
        expected = len(blog_of(tenant).posts)
        while not over:
            async with tenancy.as_tenant(str(tenant)):
                fast: Any = await SCHEMA.execute("{ posts(limit: 100) { title } }")
                assert len(fast.data["posts"]) == expected
                async with tenancy.session() as session:
                    assert len((await session.scalars(TITLES)).all()) == expected
            asked += 1

    async with tenancy:
        users = [asyncio.create_task(ask_on(tenant)) for tenant in (ACME, GLOBEX)]
        keys = {KEY.reveal()}
        for _ in range(2):
            done = await run(blog_with_file, "rotate", "--keep", "2s")
            assert done.exit_code == 0, done.output
            keys.add(content("seal.key"))
            await asyncio.sleep(2.5)  # until the service has noticed, and the old one is refused
        over = True
        await asyncio.gather(*users)
    assert len(keys) == 3
    assert asked > 100
    assert not await believed(blog_with_file, KEY)
    newest = Secret(content("seal.key"))
    assert await believed(blog_with_file, newest)
    assert mode("seal.key") == 0o644  # as it was before


async def test_both_keys_are_good_for_a_while_and_no_key_is_printed(blog_with_file: Urls) -> None:
    done = await run(blog_with_file, "rotate", "--output", "next.key", "--json")
    assert done.exit_code == 0, done.output
    new = Secret(content("next.key"))
    assert new.size >= 32
    assert mode("next.key") == 0o600
    assert json.loads(done.stdout)["key"] == key_id(new)
    assert content("seal.key") == KEY.reveal()
    assert await believed(blog_with_file, KEY)
    assert await believed(blog_with_file, new)
    listed = await run(blog_with_file, "list", "--json")
    assert [(one["key"], one["retires_at"] is None) for one in json.loads(listed.stdout)] == [
        (key_id(new), True),
        (key_id(KEY), False),
    ]
    table = await run(blog_with_file, "list")
    assert key_id(new) in table.stdout
    for output in (done.output, listed.output, table.output):
        assert new.reveal() not in output
    assert leftovers() == []


async def test_what_cannot_be_written_changes_nothing(blog_with_file: Urls) -> None:
    done = await run(blog_with_file, "rotate", "--output", "no/such/folder/key", "--keep", "1ms")
    assert done.exit_code == 1
    assert "no/such/folder" in done.output
    assert await believed(blog_with_file, KEY)
    again = await run(blog_with_file, "rotate", "--keep", "1ms")
    assert again.exit_code == 0, again.output
    assert not await believed(blog_with_file, KEY)


async def test_a_key_that_a_server_does_not_believe_is_not_handed_over(
    blog_with_file: Urls, fresh_witness: Any, make_tenancy: Any
) -> None:
    """As behind a replica that lags: the helper knows another table of keys."""
    admin = await asyncpg.connect(blog_with_file.admin_url)
    await admin.execute(
        "CREATE OR REPLACE FUNCTION fraiseql.current_tenant_id() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'"
    )
    await admin.close()
    config = make_tenancy(
        blog_with_file,
        database={"admin_url": blog_with_file.admin_url},
        multitenancy={"setting": "sealed", "seal": {"key": KEY}},
    ).config
    with pytest.raises(ServiceUnavailable) as refused:
        await rotate_seal_key(config, Path("seal.key"), keep=0.0, patience=0.3)
    assert "does not believe the new key" in str(refused.value.hint)
    assert content("seal.key") == KEY.reveal()


@pytest.mark.parametrize(
    ("arguments", "toml", "says"),
    [
        (("rotate", "--keep", "soon"), TOML, "--keep must be a time with its unit"),
        (("rotate",), TOML.replace("key_file =", "# key_file ="), "say where the new key goes"),
        (("rotate",), TOML.replace('"sealed"', '"app.tenant_id"'), "tenants are not sealed"),
        (("list",), TOML.replace("admin_url =", "# admin_url ="), "admin_url"),
    ],
)
async def test_a_mistake_is_one_line(
    blog_with_file: Urls, tmp_path: Path, arguments: tuple[str, ...], toml: str, says: str
) -> None:
    (tmp_path / "fraiseql.toml").write_text(toml)
    done = await run(blog_with_file, *arguments)
    assert done.exit_code == 2
    assert says in done.output


async def test_a_database_that_is_not_sealed_says_so(
    fresh_blog: Urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fraiseql.toml").write_text(TOML)
    done = await run(fresh_blog, "rotate")
    assert done.exit_code == 2
    assert "there is no table fraiseql.seal_keys" in done.output
    assert not (tmp_path / "seal.key").exists()

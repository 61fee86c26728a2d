"""Killed with SIGKILL at any message, and run again: one end state, nothing doubled or lost."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from fraiseql_strawberry.lifecycle.archive import Manifest
from fraiseql_strawberry.lifecycle.database_template import scope_of
from fraiseql_strawberry.tenant import TenantStatus
from tests.isolation.lifecycle.conftest import GLOBEX, OpenShop, Shop

ROOT = Path(__file__).parents[3]
STRATEGIES = ("row", "schema", "database")
KILLED = -signal.SIGKILL

# At random: of the messages that the work takes, and by the clock. The slow variant takes more.
FEWEST_MESSAGES, MANY = 20, 20


class Killing:
    """The process that forks, and the orders that it is given."""

    def __init__(self, process: asyncio.subprocess.Process, shop: Shop) -> None:
        self._process = process
        self.took = 0.0  # seconds, of the last work that might have been killed and was not
        config = shop.tenancy.config
        multitenancy = config.multitenancy
        self._order = {
            "url": config.require_database_url().reveal(),
            "admin_url": shop.url,
            "owner": config.migrations.owner,
            "multitenancy": {
                "strategy": multitenancy.strategy,
                "id_type": "uuid",
                "tenants_table": "fraiseql.tenants",
                "database_template": multitenancy.database_template,
                "routing": {"registry_table": multitenancy.routing.registry_table},
                **({"migrations": multitenancy.migrations} if multitenancy.migrations else {}),
            },
        }

    async def run(self, what: str, tenant: str, **more: Any) -> int:
        """Let a child work; 0 when it finished, -9 when it was killed."""
        order = {**self._order, "what": what, "tenant": tenant, **more}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        async with asyncio.timeout(120):
            code, seconds = json.loads(await self._process.stdout.readline())
        if code == 0 and ("count" in more or "seconds" in more):
            self.took = seconds
        return code


@pytest.fixture(scope="module", params=STRATEGIES)
async def shop(request: pytest.FixtureRequest, open_shop: OpenShop) -> AsyncIterator[Shop]:
    """A shop with a tenant that nobody may lose a row of."""
    async with open_shop(request.param) as opened:
        await opened.tenants.create("Globex", id=GLOBEX)
        await opened.fill(GLOBEX, rows=5)
        yield opened


@asynccontextmanager
async def started(shop: Shop) -> AsyncIterator[Killing]:
    """The process that forks, on the shop's database."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", str(Path(__file__).with_name("killing.py"))),
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    yield Killing(process, shop)
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()


@pytest.fixture
async def killing(shop: Shop) -> AsyncIterator[Killing]:
    async with started(shop) as process:
        yield process


async def until_it_ends(killing: Killing, what: str, tenant: str, **more: Any) -> None:
    """Run it once more, and not be killed."""
    assert await killing.run(what, tenant, **more) == 0


async def all_is_well(shop: Shop, *there: str) -> None:
    """Exactly these tenants are there, each with one place, and none is half-made."""
    records = await shop.tenants.list()
    assert {record.id for record in records} == {GLOBEX, *there}
    assert {record.status for record in records} == {TenantStatus.ACTIVE}
    assert await places_of(shop) == {place for one in records for place in one.placement.values()}
    assert await templates_of(shop) == (shop.strategy != "row")
    assert await shop.count(GLOBEX) == 5


async def places_of(shop: Shop) -> set[str]:
    """The schemas or databases of tenants that are there."""
    names, like = "SELECT nspname::text AS name FROM pg_namespace", r"tenant\_%"
    if shop.strategy == "database":
        names = "SELECT datname::text AS name FROM pg_database"
        like = shop.tenancy.config.multitenancy.database_template.replace("_{id}", r"\_%")
    rows = await shop.admin.fetch(f"SELECT name FROM ({names}) AS n WHERE name LIKE $1", like)
    return {row["name"] for row in rows}


async def templates_of(shop: Shop) -> int:
    """How many templates are there, whole ones or not."""
    catalog, name, like = "pg_namespace", "nspname", "fraiseql_template_"
    if shop.strategy == "database":
        catalog, name = "pg_database", "datname"
        like += scope_of(shop.tenants.parts.administrator)
    return await shop.admin.fetchval(
        f"SELECT count(*) FROM {catalog} WHERE starts_with({name}::text, $1)", like
    )


async def create_killed(shop: Shop, killing: Killing, **when: Any) -> bool:
    tenant = str(uuid4())
    killed = await killing.run("create", tenant, **when) == KILLED
    await until_it_ends(killing, "create", tenant)
    await all_is_well(shop, tenant)
    assert await shop.count(tenant) == 3
    await until_it_ends(killing, "create", tenant)
    assert await shop.count(tenant) == 3
    await forget(shop, tenant)
    return killed


async def restore_killed(shop: Shop, killing: Killing, file: Path, **when: Any) -> bool:
    tenant = str(uuid4())
    killed = await killing.run("restore", tenant, file=str(file), **when) == KILLED
    await until_it_ends(killing, "restore", tenant, file=str(file))
    await all_is_well(shop, tenant)
    assert contents(await survey(shop, tenant)) == contents(await survey(shop, GLOBEX))
    await forget(shop, tenant)
    return killed


async def delete_killed(shop: Shop, killing: Killing, file: Path, **when: Any) -> bool:
    tenant = str(uuid4())
    await shop.tenants.restore(file, id=tenant)
    deletion = await shop.tenants.deletion(tenant)
    killed = await killing.run("delete", tenant, token=deletion.token, **when) == KILLED
    await until_it_ends(killing, "delete", tenant, token=deletion.token)
    await all_is_well(shop)
    (receipt,) = await shop.tenants.receipts(tenant)
    assert {table.name: table.rows for table in receipt.tables} == deletion.rows
    unfinished = "SELECT count(*) FROM fraiseql.receipts WHERE finished_at IS NULL"
    assert await shop.admin.fetchval(unfinished) == 0
    return killed


async def shelve_killed(shop: Shop, killing: Killing, file: Path, **when: Any) -> bool:
    tenant, into = str(uuid4()), file.with_name(f"{uuid4()}.zip")
    await shop.tenants.restore(file, id=tenant)
    killed = await killing.run("shelve", tenant, file=str(into), **when) == KILLED
    await until_it_ends(killing, "shelve", tenant, file=str(into))
    await shop.tenants.restore(into, id=tenant)
    assert contents(await survey(shop, tenant)) == contents(await survey(shop, GLOBEX))
    await forget(shop, tenant)
    await all_is_well(shop)
    return killed


async def template_killed(shop: Shop, killing: Killing, file: Path, **when: Any) -> bool:
    killed = await killing.run("template", GLOBEX, **when) == KILLED
    await until_it_ends(killing, "template", GLOBEX)
    await all_is_well(shop)
    return killed


async def survey(shop: Shop, tenant: str) -> Manifest:
    file = Path(shop.tmp) / f"{uuid4()}.zip"
    return await shop.tenants.export(tenant, file)


def contents(manifest: Manifest) -> dict[str, Any]:
    return {table.name: table.content for table in manifest.tables}


async def forget(shop: Shop, tenant: str) -> None:
    deletion = await shop.tenants.deletion(tenant)
    await shop.tenants.delete(tenant, deletion.token)


@pytest.fixture(scope="module")
async def file(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive to restore from."""
    folder = tmp_path_factory.mktemp("archives")
    shop.tmp = folder
    await shop.tenants.export(GLOBEX, folder / "globex.zip")
    return folder / "globex.zip"


WORK = {
    "restore": restore_killed,
    "delete": delete_killed,
    "shelve": shelve_killed,
    "template": template_killed,
}


@pytest.fixture(params=["create", *WORK])
def what(request: pytest.FixtureRequest, shop: Shop) -> str:
    """What is being done when the process is killed."""
    if (shop.strategy, request.param) == ("row", "template"):
        pytest.skip("tenants that share tables are not copied from a template")
    return request.param


async def run_one(shop: Shop, killing: Killing, file: Path, what: str, **when: Any) -> bool:
    """Whether it was killed before it ended; in any case all is well afterwards."""
    try:
        if what == "create":
            return await create_killed(shop, killing, **when)
        return await WORK[what](shop, killing, file, **when)
    except BaseException as error:
        error.add_note(f"{what}, killed {when}")
        raise


async def messages_of(shop: Shop, killing: Killing, file: Path, what: str, folder: Path) -> int:
    """How many messages the work takes, when nobody kills it."""
    counter = folder / "count"
    assert not await run_one(shop, killing, file, what, count=str(counter))
    return int(counter.read_text())


async def test_killed_at_some_message(shop: Shop, killing: Killing, file: Path, what: str) -> None:
    assert await run_one(shop, killing, file, what, after=random.randint(1, FEWEST_MESSAGES))


@pytest.mark.slow
async def test_killed_at_many_messages(
    shop: Shop, killing: Killing, file: Path, what: str, tmp_path: Path
) -> None:
    messages = await messages_of(shop, killing, file, what, tmp_path)
    assert messages > FEWEST_MESSAGES
    for after in random.sample(range(1, messages), min(MANY, messages - 1)):
        assert await run_one(shop, killing, file, what, after=after)


@pytest.mark.slow
async def test_killed_at_many_moments(
    shop: Shop, killing: Killing, file: Path, what: str, tmp_path: Path
) -> None:
    await messages_of(shop, killing, file, what, tmp_path)
    killed = tries = 0
    while killed < MANY:
        moment = random.uniform(0, killing.took)
        killed += await run_one(shop, killing, file, what, seconds=moment)
        tries += 1
        assert tries < 10 * MANY

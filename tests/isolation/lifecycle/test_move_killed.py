"""A move that is killed with SIGKILL, and begun again: one database in the end, on one server."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.isolation.lifecycle.conftest import GLOBEX, OpenShop, Shop
from tests.isolation.lifecycle.second_server import Second, second_server
from tests.isolation.lifecycle.test_killed import (
    KILLED,
    Killing,
    contents,
    forget,
    places_of,
    started,
    survey,
    until_it_ends,
)
from tests.isolation.lifecycle.test_move import moving_on

FEW, MANY = 3, 20


@pytest.fixture(scope="module")
async def shop(
    open_shop: OpenShop, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shop]:
    """A shop with a tenant that stays where it is."""
    async with open_shop("database") as opened:
        opened.tmp = tmp_path_factory.mktemp("archives")
        await opened.tenants.create("Globex", id=GLOBEX)
        await opened.fill(GLOBEX, rows=5)
        yield opened


@pytest.fixture(scope="module")
async def second(shop: Shop) -> AsyncIterator[Second]:
    async with second_server(shop) as opened:
        yield opened


@pytest.fixture
async def killing(shop: Shop) -> AsyncIterator[Killing]:
    async with started(shop) as process:
        yield process


async def move_killed(shop: Shop, second: Second, killing: Killing, **when: Any) -> bool:
    """Whether it was killed before it ended."""
    tenant = str(uuid4())
    record = await shop.tenants.restore(await file_of(shop), id=tenant)
    killed = await killing.run("move", tenant, server=second.name, **when) == KILLED
    await until_it_ends(killing, "move", tenant, server=second.name)
    moved = await shop.tenants.get(tenant)
    assert moved.active
    assert moved.placement == {**record.placement, "server": second.name}
    assert await second.databases() == {moved.placement["database"]}
    assert await moving_on(shop.admin) == set()
    here = await shop.tenants.get(GLOBEX)
    assert await places_of(shop) == {here.placement["database"]}
    assert contents(await survey(shop, tenant)) == contents(await survey(shop, GLOBEX))
    await forget(shop, tenant)
    assert await second.databases() == set()
    return killed


async def file_of(shop: Shop) -> Path:
    file = shop.tmp / "globex.zip"
    if not file.exists():
        await shop.tenants.export(GLOBEX, file)
    return file


async def messages_of(shop: Shop, second: Second, killing: Killing, folder: Path) -> int:
    counter = folder / "count"
    assert not await move_killed(shop, second, killing, count=str(counter))
    return int(counter.read_text())


@pytest.mark.parametrize("times", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
async def test_killed_at_messages(
    shop: Shop, second: Second, killing: Killing, tmp_path: Path, times: int
) -> None:
    messages = await messages_of(shop, second, killing, tmp_path)
    for after in random.sample(range(1, messages), times):
        try:
            assert await move_killed(shop, second, killing, after=after)
        except BaseException as error:
            error.add_note(f"killed after {after} of {messages} messages")
            raise


@pytest.mark.slow
async def test_killed_at_moments(
    shop: Shop, second: Second, killing: Killing, tmp_path: Path
) -> None:
    await messages_of(shop, second, killing, tmp_path)
    killed = tries = 0
    while killed < MANY:
        moment = random.uniform(0, killing.took)
        killed += await move_killed(shop, second, killing, seconds=moment)
        tries += 1
        assert tries < 10 * MANY

"""New databases: closed to everybody whom the control database does not let in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.isolation.lifecycle.conftest import ACME, GLOBEX, OpenShop, Shop

GRANTED = """
SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS role,
       a.privilege_type AS may
FROM pg_database AS d, aclexplode(d.datacl) AS a
WHERE d.datname = $1 AND a.grantee <> d.datdba
"""
SETTINGS = """
SELECT s.setrole::regrole::text AS role, s.setconfig
FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase
WHERE d.datname = $1 ORDER BY 1
"""


@pytest.fixture
async def shop(open_shop: OpenShop) -> AsyncIterator[Shop]:
    async with open_shop("database") as opened:
        yield opened


async def test_who_may_connect_and_how_is_as_in_the_control_database(shop: Shop) -> None:
    """CREATE DATABASE copies neither, and lets PUBLIC in."""
    control = await shop.admin.fetchval("SELECT current_database()")
    for setting in ("search_path = public, pg_temp", "statement_timeout = '7s'"):
        await shop.admin.execute(f'ALTER ROLE {shop.service} IN DATABASE "{control}" SET {setting}')
    await shop.admin.execute(f"ALTER DATABASE \"{control}\" SET work_mem = '5MB'")
    cold = await shop.tenants.create("Acme", id=ACME)
    await shop.tenants.renew_template(warm=1)
    warm = await shop.tenants.create("Globex", id=GLOBEX)
    for record in (cold, warm):
        name = record.placement["database"]
        assert {tuple(row) for row in await shop.admin.fetch(GRANTED, name)} == {
            (shop.service, "CONNECT")
        }
        assert await shop.admin.fetch(SETTINGS, name) == await shop.admin.fetch(SETTINGS, control)
        assert await shop.count(record.id) == 0


async def test_nobody_connects_to_what_tenants_are_copied_from(shop: Shop) -> None:
    template = (await shop.tenants.renew_template()).template
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="not currently accepting"):
        await asyncpg.connect(urlsplit(shop.superuser_url)._replace(path=f"/{template}").geturl())
    await shop.tenants.create("Acme", id=ACME)
    again = await shop.tenants.renew_template()
    assert again.removed == [template]
    assert await shop.count(ACME) == 0

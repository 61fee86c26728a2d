"""Ready schemas are claimed by one tenant each, and stay right when they are renamed."""

from __future__ import annotations

import asyncio

import pytest

from fraiseql_strawberry.lifecycle.fingerprint import fingerprint
from fraiseql_strawberry.lifecycle.migrations import SqlScripts
from fraiseql_strawberry.lifecycle.places import SchemaPlaces
from fraiseql_strawberry.lifecycle.warm import WarmPool
from fraiseql_strawberry.tenant import TenantStatus
from tests.isolation.lifecycle.conftest import ACME, OpenShop, Shop, scripts_of

WARM = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'fraiseql\\_warm\\_%' ORDER BY 1"


def places(shop: Shop) -> SchemaPlaces:
    found = shop.tenants.parts.places
    assert isinstance(found, SchemaPlaces)
    return found


async def warm(shop: Shop) -> list[str]:
    return [row["nspname"] for row in await shop.admin.fetch(WARM)]


async def build(shop: Shop) -> None:
    await places(shop).templates.build(SqlScripts(scripts_of(shop)))


async def test_a_tenant_takes_a_ready_schema(open_shop: OpenShop) -> None:
    async with open_shop("schema") as shop:
        await build(shop)
        assert await places(shop).refill(2) == 2
        assert await places(shop).refill(2) == 0
        before = await warm(shop)
        record = await shop.tenants.create("Acme", id=ACME)
        (left,) = await warm(shop)
        assert left in before
        schema = record.placement["schema"]
        await shop.fill(ACME, rows=3)
        # Its functions pin their path to the schema's new name.
        assert await shop.admin.fetchval(f"SELECT {schema}.customers()") == 3
        difference = (await fingerprint(shop.admin, schema)).difference(
            await fingerprint(shop.admin, left)
        )
        assert not difference, str(difference)


async def test_ten_at_once_take_four(open_shop: OpenShop) -> None:
    async with open_shop("schema") as shop:
        await build(shop)
        await places(shop).refill(4)
        made = await asyncio.gather(*(shop.tenants.create(f"Tenant {n}") for n in range(10)))
        assert await warm(shop) == []
        assert len({record.placement["schema"] for record in made}) == 10
        for record in made:
            assert await shop.count(record.id, "setting") == 1
        assert await shop.admin.fetchval("SELECT count(*) FROM fraiseql.warm_places") == 0


async def test_a_claim_that_fails_gives_the_schema_back(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_shop("schema") as shop:
        await build(shop)
        await places(shop).refill(1)
        before = await warm(shop)
        claim = WarmPool.claim

        async def claim_and_die(*args: object) -> str | None:
            await claim(*args)
            raise ZeroDivisionError

        monkeypatch.setattr(WarmPool, "claim", claim_and_die)
        with pytest.raises(ZeroDivisionError):
            await shop.tenants.create("Acme", id=ACME)
        monkeypatch.undo()
        assert await warm(shop) == before
        assert await shop.admin.fetchval("SELECT count(*) FROM fraiseql.warm_places") == 1
        await shop.tenants.create("Acme", id=ACME)
        assert await warm(shop) == []


async def test_schemas_of_an_earlier_template_are_neither_taken_nor_kept(
    open_shop: OpenShop,
) -> None:
    async with open_shop("schema") as shop:
        await build(shop)
        await places(shop).refill(2)
        old = await warm(shop)
        (scripts_of(shop) / "1.sql").write_text("CREATE TABLE coupon (code text PRIMARY KEY)")
        await shop.tenants.close()
        await build(shop)
        await shop.tenants.create("Acme", id=ACME)
        assert await shop.count(ACME, "coupon") == 0
        assert await warm(shop) == old
        assert await places(shop).refill(1) == 1
        assert not {*await warm(shop)} & {*old}


async def test_a_template_that_a_new_name_would_spoil_has_no_ready_copies(
    open_shop: OpenShop,
) -> None:
    async with open_shop("schema") as shop:
        (scripts_of(shop) / "1.sql").write_text(
            "DO $$ BEGIN EXECUTE format('CREATE FUNCTION spy() RETURNS bigint LANGUAGE sql AS %L',"
            " format('SELECT count(*) FROM %I.customer', current_schema())); END $$"
        )
        await build(shop)
        assert await places(shop).refill(2) == 0
        record = await shop.tenants.create("Acme", id=ACME)
        await shop.fill(ACME, rows=2)
        assert await shop.admin.fetchval(f"SELECT {record.placement['schema']}.spy()") == 2


async def test_the_pool_is_filled_again_after_each_tenant(open_shop: OpenShop) -> None:
    async with open_shop("schema", warm=2) as shop:
        await shop.tenants.create("Acme", id=ACME)
        async with asyncio.timeout(10):
            while len(await warm(shop)) < 2:
                await asyncio.sleep(0.02)
        await shop.tenants.create("Globex")
        async with asyncio.timeout(10):
            while shop.tenants._background:
                await asyncio.sleep(0.02)
        assert len(await warm(shop)) == 2
        assert len(await shop.tenants.list(status=TenantStatus.ACTIVE)) == 2

"""`tenancy.tenants` on a real PostgreSQL, under each strategy."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from fraiseql_strawberry.errors import (
    ArchiveError,
    BadUserInput,
    ConfigError,
    ConfirmationRefused,
    SetupError,
    TenantConflict,
    TenantNotFound,
    TenantUnavailable,
)
from fraiseql_strawberry.lifecycle import TenantRecord
from fraiseql_strawberry.tenant import TenantStatus
from tests.isolation.lifecycle.conftest import ACME, GLOBEX, OpenShop, Shop


async def forget(shop: Shop, *ids: str) -> None:
    for tenant_id in ids:
        deletion = await shop.tenants.deletion(tenant_id)
        await shop.tenants.delete(tenant_id, deletion.token)


# --- made and listed ------------------------------------------------------------------------------


async def test_a_tenant_is_made_written_down_and_served(shop: Shop, acme: TenantRecord) -> None:
    assert acme.status is TenantStatus.ACTIVE
    assert await shop.count(ACME) == 10
    assert await shop.tenants.list() == [acme]
    assert await shop.tenants.get(ACME) == acme


async def test_making_it_twice_is_making_it_once(shop: Shop, acme: TenantRecord) -> None:
    again = await shop.tenants.create("Acme", "free", id=ACME)
    assert again.created_at == acme.created_at
    assert await shop.count(ACME) == 10


async def test_eight_at_once_make_one(shop: Shop) -> None:
    made = await asyncio.gather(*(shop.tenants.create("Acme", id=ACME) for _ in range(8)))
    assert {(one.id, one.status, one.created_at) for one in made} == {
        (ACME, TenantStatus.ACTIVE, made[0].created_at)
    }
    await forget(shop, ACME)


@pytest.mark.parametrize(("name", "plan"), [("Acme & Sons", "free"), ("Acme", "pro")])
async def test_another_tenant_of_the_same_id_is_refused(
    shop: Shop, acme: TenantRecord, name: str, plan: str
) -> None:
    with pytest.raises(TenantConflict, match="already: 'Acme', plan 'free'"):
        await shop.tenants.create(name, plan, id=ACME)


async def test_lists_by_status_tag_and_plan(shop: Shop, acme: TenantRecord) -> None:
    await shop.tenants.create("Globex", "pro", id=GLOBEX, tags=["eu", "beta"])
    await shop.tenants.suspend(GLOBEX)

    async def ids(**wanted: object) -> list[str]:
        return [one.id for one in await shop.tenants.list(**wanted)]

    assert await ids() == [ACME, GLOBEX]
    assert await ids(status=TenantStatus.ACTIVE) == [ACME]
    assert await ids(status=[TenantStatus.SUSPENDED]) == [GLOBEX]
    assert await ids(tag="beta") == [GLOBEX]
    assert await ids(plan="free") == [ACME]
    assert await ids(plan="free", tag="eu") == []
    await forget(shop, GLOBEX)


async def test_changes_what_is_given(shop: Shop, acme: TenantRecord) -> None:
    changed = await shop.tenants.change(ACME, plan="pro", settings={"seats": 5})
    assert (changed.name, changed.plan, changed.settings) == ("Acme", "pro", {"seats": 5})
    assert (await shop.tenants.change(ACME, tags=["eu"])).settings == {"seats": 5}


@pytest.mark.parametrize("method", ["get", "suspend", "resume", "archive", "deletion", "change"])
async def test_of_nobody_it_says_so(shop: Shop, method: str) -> None:
    with pytest.raises(TenantNotFound):
        await getattr(shop.tenants, method)(GLOBEX)
    with pytest.raises(BadUserInput, match="no tenant id"):
        await getattr(shop.tenants, method)("x'; DROP SCHEMA public")


# --- first rows -----------------------------------------------------------------------------------


async def first_rows(session: AsyncSession, tenant: TenantRecord) -> None:
    await session.execute(
        text("INSERT INTO customer (name) VALUES (:name)"), {"name": f"{tenant.name}'s first"}
    )
    await session.commit()  # does not end the transaction that makes the tenant active


async def test_first_rows_are_written_once(shop: Shop, acme: TenantRecord) -> None:
    for _ in range(2):
        await shop.tenants.create("Globex", id=GLOBEX, seed=first_rows)
    assert await shop.count(GLOBEX) == 1
    assert await shop.count(ACME) == 10
    await forget(shop, GLOBEX)


async def test_eight_at_once_write_its_first_rows_once(shop: Shop) -> None:
    made = [shop.tenants.create("Acme", id=ACME, seed=first_rows) for _ in range(8)]
    assert {record.status for record in await asyncio.gather(*made)} == {TenantStatus.ACTIVE}
    assert await shop.count(ACME) == 1
    await forget(shop, ACME)


async def test_first_rows_that_were_committed_before_the_status_are_not_written_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where both are not one transaction, the place says that it has them."""
    set_status = shop.tenants.parts.records.set_status

    async def fail(driver: Any, tenant_id: str, status: TenantStatus) -> TenantRecord:
        if status is TenantStatus.ACTIVE:
            raise ConnectionResetError
        return await set_status(driver, tenant_id, status)

    with monkeypatch.context() as patched:
        patched.setattr(shop.tenants.parts.records, "set_status", fail)
        with pytest.raises(ConnectionResetError):
            await shop.tenants.create("Acme", id=ACME, seed=first_rows)
    record = await shop.tenants.create("Acme", id=ACME, seed=first_rows)
    assert record.status is TenantStatus.ACTIVE
    assert await shop.count(ACME) == 1
    await forget(shop, ACME)


async def test_first_rows_are_written_with_the_rights_of_the_tenant(
    shop: Shop, acme: TenantRecord
) -> None:
    seen = []

    async def look(session: AsyncSession, tenant: TenantRecord) -> None:
        seen.append(await session.scalar(text("SELECT count(*) FROM customer")))
        seen.append(await session.scalar(text("SELECT current_user::text")))
        with pytest.raises(DBAPIError, match="must be owner of table customer"):
            async with session.begin_nested():
                await session.execute(text("ALTER TABLE customer DISABLE TRIGGER ALL"))

    await shop.tenants.create("Globex", id=GLOBEX, seed=look)
    assert seen == [0, shop.service]
    await forget(shop, GLOBEX)


async def test_without_its_first_rows_it_is_not_served(shop: Shop) -> None:
    async def fail(session: AsyncSession, tenant: TenantRecord) -> None:
        await first_rows(session, tenant)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await shop.tenants.create("Acme", id=ACME, seed=fail)
    assert (await shop.tenants.get(ACME)).status is TenantStatus.MIGRATING
    with pytest.raises(TenantUnavailable):
        await shop.count(ACME)
    with pytest.raises(TenantConflict, match="come from something else"):
        await shop.tenants.create("Acme", id=ACME)  # without first rows: not the same
    assert await shop.tenants.recover() == []
    (record,) = await shop.tenants.recover(seed=first_rows)
    assert record.status is TenantStatus.ACTIVE
    assert await shop.count(ACME) == 1
    await forget(shop, ACME)


# --- served or not --------------------------------------------------------------------------------


async def test_a_suspended_tenant_is_refused_at_once(shop: Shop, acme: TenantRecord) -> None:
    assert await shop.count(ACME) == 10  # known and cached
    suspended = await shop.tenants.suspend(ACME)
    assert suspended.status is TenantStatus.SUSPENDED
    with pytest.raises(TenantUnavailable):
        await shop.count(ACME)
    assert (await shop.tenants.suspend(ACME)).status_at == suspended.status_at
    await shop.tenants.resume(ACME)
    assert await shop.count(ACME) == 10


async def test_one_change_of_status_at_a_time(
    shop: Shop, acme: TenantRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads "suspended" and is slow does not serve what is being deleted meanwhile."""
    deletion = await shop.tenants.deletion(ACME)
    await shop.tenants.suspend(ACME)
    set_status = shop.tenants.parts.records.set_status
    reached = asyncio.Event()

    async def slow(driver: Any, tenant_id: str, status: TenantStatus) -> TenantRecord:
        if status is TenantStatus.ACTIVE:
            reached.set()
            await asyncio.sleep(1)
        return await set_status(driver, tenant_id, status)

    monkeypatch.setattr(shop.tenants.parts.records, "set_status", slow)
    resuming = asyncio.create_task(shop.tenants.resume(ACME))
    await reached.wait()
    await shop.tenants.delete(ACME, deletion.token)
    assert (await resuming).status is TenantStatus.ACTIVE  # before it was deleted
    assert await shop.tenants.list() == []


async def test_every_change_of_status_is_announced(shop: Shop, acme: TenantRecord) -> None:
    heard: list[str] = []
    await shop.admin.add_listener("fraiseql_tenants", lambda *args: heard.append(args[-1]))
    await shop.tenants.suspend(ACME)
    await shop.tenants.resume(ACME)
    async with asyncio.timeout(5):
        while len(heard) < 2:
            await asyncio.sleep(0.01)
    assert heard == [ACME, ACME]
    await shop.admin.reset()


async def test_an_archived_tenant_keeps_its_rows(shop: Shop, acme: TenantRecord) -> None:
    assert (await shop.tenants.archive(ACME)).status is TenantStatus.ARCHIVED
    with pytest.raises(TenantUnavailable):
        await shop.count(ACME)
    with pytest.raises(TenantConflict, match="archived"):
        await shop.tenants.suspend(ACME)
    await shop.tenants.resume(ACME)
    assert await shop.count(ACME) == 10


@pytest.mark.parametrize("strategy", ["row", "schema"])
async def test_a_status_that_nobody_reads_is_refused(open_shop: OpenShop, strategy: str) -> None:
    async with open_shop(strategy, tenants_table=None) as shop:
        await shop.tenants.create("Acme", id=ACME)
        with pytest.raises(SetupError, match=r"tenants_table = 'fraiseql\.tenants'"):
            await shop.tenants.suspend(ACME)
        assert await shop.count(ACME) == 0


# --- into a file, and back ------------------------------------------------------------------------


async def test_export_delete_restore(shop: Shop, acme: TenantRecord, tmp_path: Path) -> None:
    first = await shop.tenants.export(ACME, tmp_path / "acme.zip")
    assert {table.name: table.content.rows for table in first.tables}.items() >= {
        "customer": 10,
        "invoice": 30,
        "folder": 3,
    }.items()
    await forget(shop, ACME)
    restored = await shop.tenants.restore(tmp_path / "acme.zip")
    assert (restored.status, restored.name, restored.plan) == (TenantStatus.ACTIVE, "Acme", "free")
    assert await shop.tenants.restore(tmp_path / "acme.zip") == restored  # once more, and nothing
    second = await shop.tenants.export(ACME, tmp_path / "again.zip")
    assert [t.content for t in first.tables] == [t.content for t in second.tables]


async def test_an_archive_does_not_fall_upon_another_tenant(
    shop: Shop, acme: TenantRecord, tmp_path: Path
) -> None:
    await shop.tenants.export(ACME, tmp_path / "acme.zip")
    with pytest.raises(TenantConflict, match="come from something else"):
        await shop.tenants.restore(tmp_path / "acme.zip")
    copy = await shop.tenants.restore(tmp_path / "acme.zip", id=GLOBEX, name="A copy")
    assert await shop.count(copy.id) == 10
    assert await shop.count(ACME) == 10
    await forget(shop, GLOBEX)


async def test_put_away_and_fetched_again(shop: Shop, acme: TenantRecord, tmp_path: Path) -> None:
    file = tmp_path / "acme.zip"
    shelved = await shop.tenants.archive(ACME, file)
    assert shelved.status is TenantStatus.ARCHIVED
    assert await shop.tenants.parts.places.remains(shelved) == []
    assert await shop.tenants.archive(ACME, file) == shelved
    with pytest.raises(TenantConflict, match=r"in the file acme\.zip: import it"):
        await shop.tenants.resume(ACME)
    with pytest.raises(TenantConflict, match="no rows here"):
        await shop.tenants.export(ACME, tmp_path / "nothing.zip")
    with pytest.raises(TenantUnavailable):
        await shop.count(ACME)
    await shop.tenants.restore(file)
    assert await shop.count(ACME) == 10


async def test_put_away_only_into_a_file_that_has_it_all(
    shop: Shop, acme: TenantRecord, tmp_path: Path
) -> None:
    await shop.tenants.export(ACME, tmp_path / "old.zip")
    async with shop.tenancy.as_tenant(ACME), shop.tenancy.session() as session:
        await session.execute(text("INSERT INTO customer (name) VALUES ('new')"))
    with pytest.raises(ArchiveError, match="no archive of what tenant"):
        await shop.tenants.archive(ACME, tmp_path / "old.zip")
    await shop.tenants.resume(ACME)
    assert await shop.count(ACME) == 11


async def test_not_put_away_into_a_file_that_is_damaged(
    shop: Shop, acme: TenantRecord, tmp_path: Path
) -> None:
    """Its manifest says what the tenant has, and its rows are others."""
    await shop.tenants.export(ACME, tmp_path / "good.zip")
    with (
        zipfile.ZipFile(tmp_path / "good.zip") as good,
        zipfile.ZipFile(tmp_path / "bad.zip", "w") as bad,
    ):
        for name in good.namelist():
            content = good.read(name)
            bad.writestr(name, content.replace(b"loud", b"calm") if "customer" in name else content)
    with pytest.raises(ArchiveError, match="not what the manifest says"):
        await shop.tenants.archive(ACME, tmp_path / "bad.zip")
    await shop.tenants.resume(ACME)
    assert await shop.count(ACME) == 10


async def test_what_was_written_until_the_last_moment_is_put_away(
    shop: Shop, acme: TenantRecord, tmp_path: Path
) -> None:
    async with shop.tenancy.as_tenant(ACME), shop.tenancy.session() as session:
        await session.execute(text("INSERT INTO customer (name) VALUES ('last minute')"))
        archiving = asyncio.create_task(shop.tenants.archive(ACME, tmp_path / "acme.zip"))
        await asyncio.sleep(0.5)
        assert not archiving.done()
    await archiving
    await shop.tenants.restore(tmp_path / "acme.zip")
    assert await shop.count(ACME) == 11


# --- gone -----------------------------------------------------------------------------------------


async def test_what_is_deleted_is_gone_and_has_a_receipt(shop: Shop, acme: TenantRecord) -> None:
    await shop.tenants.create("Globex", id=GLOBEX)
    await shop.fill(GLOBEX)
    await shop.admin.execute(
        "CREATE TABLE IF NOT EXISTS public.letters (to_tenant text); "
        f"INSERT INTO public.letters VALUES ('{ACME}'), ('{GLOBEX}');"
        f"GRANT USAGE ON SCHEMA public TO {shop.service}_migrator;"
        f"GRANT SELECT ON public.letters TO {shop.service}_migrator;"
        "CREATE TABLE IF NOT EXISTS public.secrets (of_tenant text)"
    )
    deletion = await shop.tenants.deletion(ACME)
    assert sum(deletion.rows.values()) >= 43
    assert await shop.count(ACME) == 10  # to look is not to touch
    receipt = await shop.tenants.delete(ACME, deletion.token, reason="they left")
    assert receipt.rows == sum(deletion.rows.values())
    assert {table.name: table.rows for table in receipt.tables} == deletion.rows
    assert all(len(table.sha256) == 64 for table in receipt.tables)
    # What the administrator may not read is said, and neither hidden nor an error at the very end.
    assert receipt.residue == {"public.letters.to_tenant": 1, "public.secrets.of_tenant": None}
    assert (receipt.reason, receipt.tenant["name"]) == ("they left", "Acme")
    assert receipt.finished_at is not None
    assert receipt.deleted_by.count("@") == 1
    with pytest.raises(TenantNotFound):
        await shop.tenants.get(ACME)
    with pytest.raises(TenantUnavailable):
        await shop.count(ACME)
    assert await shop.count(GLOBEX) == 10
    # Whoever did not hear of the success asks again, and hears of it.
    assert await shop.tenants.delete(ACME, deletion.token) == receipt
    assert (await shop.tenants.receipts(ACME))[0] == receipt
    await forget(shop, GLOBEX)
    await shop.admin.execute("DROP TABLE public.letters, public.secrets")


async def test_a_deletion_wants_the_right_token(shop: Shop, acme: TenantRecord) -> None:
    await shop.tenants.create("Globex", id=GLOBEX)
    of_another = (await shop.tenants.deletion(GLOBEX)).token
    for token in (of_another, "", "yes"):
        with pytest.raises(ConfirmationRefused):
            await shop.tenants.delete(ACME, token)
    assert await shop.count(ACME) == 10
    await forget(shop, GLOBEX)


async def test_what_was_written_until_the_last_moment_is_counted(
    shop: Shop, acme: TenantRecord
) -> None:
    deletion = await shop.tenants.deletion(ACME)
    async with shop.tenancy.as_tenant(ACME), shop.tenancy.session() as session:
        await session.execute(text("INSERT INTO customer (name) VALUES ('last minute')"))
        deleting = asyncio.create_task(shop.tenants.delete(ACME, deletion.token))
        await asyncio.sleep(0.5)
        assert not deleting.done()
    receipt = await deleting
    assert receipt.rows == sum(deletion.rows.values()) + 1


async def test_of_who_is_gone_only_the_right_token_shows_the_receipt(
    shop: Shop, acme: TenantRecord
) -> None:
    deletion = await shop.tenants.deletion(ACME)
    receipt = await shop.tenants.delete(ACME, deletion.token)
    for token in ("", "0" * 10):
        with pytest.raises(TenantNotFound):
            await shop.tenants.delete(ACME, token)
    assert await shop.tenants.delete(ACME, deletion.token) == receipt


async def test_a_deletion_that_was_cut_short_has_a_receipt_of_all(
    shop: Shop, acme: TenantRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What there was is written down once, before any of it goes."""
    remains = shop.tenants.parts.places.remains

    async def fail(record: TenantRecord) -> None:
        assert await remains(record) == []  # it is gone by now
        raise ConnectionResetError

    deletion = await shop.tenants.deletion(ACME)
    with monkeypatch.context() as patched:
        patched.setattr(shop.tenants.parts.places, "remains", fail)
        with pytest.raises(ConnectionResetError):
            await shop.tenants.delete(ACME, deletion.token)
    with pytest.raises(TenantConflict, match="is deleting"):
        await shop.tenants.resume(ACME)
    receipt = await shop.tenants.delete(ACME, deletion.token)
    assert {table.name: table.rows for table in receipt.tables} == deletion.rows


async def test_what_comes_back_while_it_is_deleted_is_no_success(
    shop: Shop, acme: TenantRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(record: TenantRecord) -> None:
        pass

    deletion = await shop.tenants.deletion(ACME)
    with monkeypatch.context() as patched:
        patched.setattr(shop.tenants.parts.places, "remove", nothing)
        with pytest.raises(TenantConflict, match="appear while they are deleted"):
            await shop.tenants.delete(ACME, deletion.token)
    assert (await shop.tenants.get(ACME)).status is TenantStatus.DELETING
    await shop.tenants.delete(ACME, deletion.token)


async def test_a_tenant_that_was_never_finished_can_be_deleted(shop: Shop) -> None:
    await shop.admin.execute(
        "INSERT INTO fraiseql.tenants (id, name, placement) VALUES ($1, 'Acme', $2::jsonb)",
        ACME,
        json.dumps(shop.tenants.parts.places.placement(ACME)),
    )
    deletion = await shop.tenants.deletion(ACME)
    assert (await shop.tenants.delete(ACME, deletion.token)).rows == 0


async def test_without_the_control_schema_it_says_what_to_run(open_shop: OpenShop) -> None:
    async with open_shop("row") as shop:
        await shop.admin.execute("DROP TABLE fraiseql.tenants")
        with pytest.raises(SetupError, match="init --apply"):
            await shop.tenants.create("Acme", id=ACME)


async def test_the_service_cannot_touch_the_control_schema(shop: Shop, acme: TenantRecord) -> None:
    service = await asyncpg.connect(shop.tenancy.config.require_database_url().reveal())
    for statement in (
        "UPDATE fraiseql.tenants SET status = 'active'",
        "SELECT settings FROM fraiseql.tenants",
        "SELECT * FROM fraiseql.receipts",
        "SELECT * FROM fraiseql.templates",
        "SELECT * FROM fraiseql.all_tenants_uses",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(statement)
    await service.close()


async def test_a_registry_without_a_schema_to_be_in_is_explained(open_shop: OpenShop) -> None:
    with pytest.raises(
        ConfigError, match=r'Write the schema as well: "fraiseql\.tenant_databases"'
    ):
        async with open_shop("database", routing={"registry_table": "tenant_databases"}):
            pass

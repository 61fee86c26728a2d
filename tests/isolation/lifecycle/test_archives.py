"""A tenant in a file: under every strategy the same bytes, and nothing believed that it says."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from fraiseql_strawberry.errors import ArchiveError, BadUserInput, SetupError
from fraiseql_strawberry.lifecycle.archive import ArchiveFile, Manifest
from tests.isolation.lifecycle.conftest import ACME, GLOBEX, OpenShop, Shop

STRATEGIES = ("row", "schema", "database")


@pytest.fixture(scope="module")
async def shops(open_shop: OpenShop) -> AsyncIterator[dict[str, Shop]]:
    """A shop under each strategy, each with a tenant of its own that nothing may touch."""
    async with AsyncExitStack() as stack:
        opened = {name: await stack.enter_async_context(open_shop(name)) for name in STRATEGIES}
        for shop in opened.values():
            await shop.tenants.create("Globex", id=GLOBEX)
            await shop.fill(GLOBEX, rows=4)
        yield opened


def contents(manifest: Manifest) -> dict[str, Any]:
    return {table.name: table.content for table in manifest.tables}


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def forget(shop: Shop, tenant_id: str = ACME) -> None:
    deletion = await shop.tenants.deletion(tenant_id)
    await shop.tenants.delete(tenant_id, deletion.token)


async def test_round_through_every_strategy(shops: dict[str, Shop], tmp_path: Path) -> None:
    first = shops[STRATEGIES[0]]
    await first.tenants.create("Acme", "pro", id=ACME, settings={"seats": 3}, tags=["eu"])
    await first.fill(ACME, rows=25)
    before = await first.tenants.export(ACME, tmp_path / "0.zip")
    for step, name in enumerate((*STRATEGIES[1:], STRATEGIES[0])):
        if name == STRATEGIES[0]:
            await forget(first)
        record = await shops[name].tenants.restore(tmp_path / f"{step}.zip")
        assert (record.name, record.plan) == ("Acme", "pro")
        assert (record.settings, record.tags) == ({"seats": 3}, ("eu",))
        after = await shops[name].tenants.export(ACME, tmp_path / f"{step + 1}.zip")
        assert after.strategy == name
        assert contents(after) == contents(before)
        assert await shops[name].count(ACME) == 25
        assert await shops[name].count(GLOBEX) == 4
    for shop in shops.values():
        await forget(shop)


async def test_the_file_explains_itself_and_is_its_owners_alone(
    shops: dict[str, Shop], tmp_path: Path
) -> None:
    file = tmp_path / "globex.zip"
    manifest = await shops["row"].tenants.export(GLOBEX, file)
    assert mode_of(file) == 0o600
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert "COPY text format" in archive.read("README.txt").decode()
        document = json.loads(archive.read("manifest.json"))
        (customer,) = (one for one in document["tables"] if one["name"] == "customer")
        lines = archive.read(customer["file"]).decode().splitlines()
        assert customer["columns"] == ["about", "id", "mood", "name"]
        assert len(lines) == customer["content"]["rows"] == 4
    assert document["tenant"]["id"] == GLOBEX
    assert GLOBEX not in "".join(lines)  # whose they are stands in the manifest alone
    assert manifest.rows == sum(one["content"]["rows"] for one in document["tables"])
    with pytest.raises(FileExistsError):
        await shops["row"].tenants.export(GLOBEX, file)
    assert names_in(tmp_path) == ["globex.zip"]


async def test_no_file_is_left_of_an_export_that_fails(open_shop: OpenShop, tmp_path: Path) -> None:
    async with open_shop("row") as shop:
        await shop.tenants.create("Acme", id=ACME)
        await shop.admin.execute(
            "CREATE TABLE shop.note (id int PRIMARY KEY, owner uuid);"
            "ALTER TABLE shop.note ENABLE ROW LEVEL SECURITY"
        )
        with pytest.raises(SetupError, match=r"shop\.note: policies, and no column tenant_id"):
            await shop.tenants.export(ACME, tmp_path / "acme.zip")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_generated_columns_sequences_and_trees(
    shops: dict[str, Shop], strategy: str, tmp_path: Path
) -> None:
    shop = shops[strategy]
    await shop.tenants.restore(
        await _exported(shops["row"], tmp_path / "globex.zip"), id=ACME, name="A copy"
    )
    async with shop.tenancy.as_tenant(ACME), shop.tenancy.session() as session:
        assert await session.scalar(text("SELECT bool_and(doubled = total * 2) FROM invoice"))
        highest = await session.scalar(text("SELECT max(number) FROM invoice"))
        customer = await session.scalar(text("SELECT id FROM customer LIMIT 1"))
        insert = text("INSERT INTO invoice (customer_id, total) VALUES (:id, 1) RETURNING number")
        assert await session.scalar(insert, {"id": customer}) > highest
        assert await session.scalar(text("SELECT count(*) FROM folder")) == 3
    await forget(shop)


async def _exported(shop: Shop, file: Path) -> Path:
    await shop.tenants.export(GLOBEX, file)
    return file


# --- What does not fit, and what is not to be believed ----------------------------------------------


def rewrite(source: Path, target: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """A copy of an archive whose members were changed."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target


def in_manifest(change: Callable[[Any], object]) -> Callable[[dict[str, bytes]], object]:
    def apply(members: dict[str, bytes]) -> None:
        document = json.loads(members["manifest.json"])
        change(document)
        members["manifest.json"] = json.dumps(document).encode()

    return apply


def table(document: Any, name: str) -> Any:
    return next(one for one in document["tables"] if one["name"] == name)


def row_more(members: dict[str, bytes]) -> None:
    members["tables/folder.copy"] += b"\\N\tsmuggled\n"


def other_row(members: dict[str, bytes]) -> None:
    members["tables/folder.copy"] = members["tables/folder.copy"].replace(b"a", b"c")


def end_mark(members: dict[str, bytes]) -> None:
    members["tables/folder.copy"] = b"\\.\n" + members["tables/folder.copy"][3:]


DAMAGE: dict[str, tuple[Callable[[dict[str, bytes]], object], str]] = {
    "a row more": (row_more, "longer than the manifest"),
    "another row": (other_row, "not what the manifest says|does not fit"),
    "an end before the end": (end_mark, "not what the manifest says|does not fit"),
    "a table is missing": (lambda m: m.pop("tables/folder.copy"), "has no tables/folder.copy"),
    "no manifest": (lambda m: m.pop("manifest.json"), r"has no manifest\.json"),
    "no JSON": (lambda m: m.update({"manifest.json": b"{"}), "damaged"),
    "deep JSON": (lambda m: m.update({"manifest.json": b"[" * 100_000}), "damaged"),
    "another format": (in_manifest(lambda d: d.update(format="zip")), "no archive of a tenant"),
    "a later version": (in_manifest(lambda d: d.update(version=2)), "version 2"),
    "columns of no list": (
        in_manifest(lambda d: table(d, "folder").update(columns=[1])),
        "damaged",
    ),
    "an unknown table": (
        in_manifest(lambda d: table(d, "folder").update(name="binder")),
        "there is no table binder",
    ),
    "an unknown column": (
        in_manifest(lambda d: table(d, "folder").update(columns=["inside", "title"])),
        "no column title",
    ),
    "the tenant's column": (
        in_manifest(lambda d: table(d, "folder").update(columns=["tenant_id", "name"])),
        "no column tenant_id",
    ),
    "a column of ours": (
        in_manifest(
            lambda d: table(d, "folder").update(name="tenants", schema="fraiseql", columns=["id"])
        ),
        "there is no table tenants",
    ),
    "another order": (
        in_manifest(lambda d: table(d, "folder").update(order_by=["name; DROP TABLE x"])),
        "damaged",
    ),
    "one table twice": (
        in_manifest(lambda d: d["tables"].append({**table(d, "folder"), "schema": "x"})),
        "two tables of one name",
    ),
    "fewer rows": (
        in_manifest(lambda d: table(d, "folder")["content"].update(rows=2)),
        "not what the manifest says",
    ),
    "an id that is none": (
        in_manifest(lambda d: d["tenant"].update(id="x' OR true")),
        "no tenant id",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_what_is_damaged_leaves_nothing(
    shops: dict[str, Shop], strategy: str, damage: str, tmp_path: Path
) -> None:
    shop = shops[strategy]
    good = await _exported(shops["row"], tmp_path / "globex.zip")
    change, message = DAMAGE[damage]
    bad = rewrite(good, tmp_path / "bad.zip", change)
    identifier = None if damage == "an id that is none" else ACME
    with pytest.raises((ArchiveError, BadUserInput), match=message):
        await shop.tenants.restore(bad, id=identifier)
    for record in await shop.tenants.list():
        if record.id == ACME:
            assert not record.active
            async with shop.tenants.parts.places.inside(record) as place:
                driver = place.driver
                for one in await shop.tenants.parts.places.tables(driver, record):
                    rows = one.selection(tenant_id=shop.tenants.parts.places.owner(record))
                    assert one.name == "setting" or not await driver.fetch(rows)
            await forget(shop)


async def test_a_part_of_an_archive_is_none(shops: dict[str, Shop], tmp_path: Path) -> None:
    good = await _exported(shops["row"], tmp_path / "globex.zip")
    (tmp_path / "part.zip").write_bytes(good.read_bytes()[:-100])
    with pytest.raises(ArchiveError, match="a part of one"):
        await shops["schema"].tenants.restore(tmp_path / "part.zip", id=ACME)
    whole = bytearray(good.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(whole)
    with pytest.raises(ArchiveError), ArchiveFile(tmp_path / "flipped.zip") as archive:
        archive.verify()


async def test_tables_that_are_not_wanted_are_left_out(
    shops: dict[str, Shop], tmp_path: Path
) -> None:
    good = await _exported(shops["row"], tmp_path / "globex.zip")
    bad = rewrite(
        good,
        tmp_path / "binder.zip",
        in_manifest(lambda d: table(d, "folder").update(name="binder")),
    )
    await shops["schema"].tenants.restore(bad, id=ACME, skip=["binder"])
    assert await shops["schema"].count(ACME, "customer") == 4
    assert await shops["schema"].count(ACME, "folder") == 0
    await forget(shops["schema"])


# --- Circles and triggers -----------------------------------------------------------------------------

CIRCLE = {
    "row": """
        CREATE TABLE shop.team (tenant_id uuid NOT NULL DEFAULT shop.current_tenant_id(),
          id int, lead int, PRIMARY KEY (tenant_id, id));
        CREATE TABLE shop.person (tenant_id uuid NOT NULL DEFAULT shop.current_tenant_id(),
          id int, team int, PRIMARY KEY (tenant_id, id),
          FOREIGN KEY (tenant_id, team) REFERENCES shop.team {deferrable});
        ALTER TABLE shop.team ADD FOREIGN KEY (tenant_id, lead) REFERENCES shop.person {deferrable};
        GRANT SELECT, INSERT, UPDATE, DELETE ON shop.team, shop.person TO {service};
    """,
    "schema": """
        CREATE TABLE team (id int PRIMARY KEY, lead int);
        CREATE TABLE person (id int PRIMARY KEY, team int REFERENCES team {deferrable});
        ALTER TABLE team ADD FOREIGN KEY (lead) REFERENCES person {deferrable};
    """,
}


async def _circular(shop: Shop, deferrable: str = "DEFERRABLE") -> None:
    definition = CIRCLE["row" if shop.strategy == "row" else "schema"].format(
        deferrable=deferrable, service=shop.service
    )
    if shop.strategy == "row":
        await shop.admin.execute(definition)
    else:
        scripts = Path(shop.tenancy.config.multitenancy.migrations or "")
        (scripts / "1.sql").write_text(definition)
    await shop.tenants.create("Acme", id=ACME)
    async with shop.tenancy.as_tenant(ACME), shop.tenancy.session() as session:
        await session.execute(
            text(
                "INSERT INTO team VALUES (1)"
                if shop.strategy != "row"
                else "INSERT INTO team (id) VALUES (1)"
            )
        )
        await session.execute(text("INSERT INTO person (id, team) VALUES (7, 1)"))
        await session.execute(text("UPDATE team SET lead = 7"))


@pytest.mark.parametrize("deferrable", ["DEFERRABLE", "NOT DEFERRABLE"])
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_tables_that_refer_to_each_other(
    open_shop: OpenShop, strategy: str, deferrable: str, tmp_path: Path
) -> None:
    async with open_shop(strategy) as shop:
        await _circular(shop, deferrable)
        before = await shop.tenants.export(ACME, tmp_path / "acme.zip")
        if (strategy, deferrable) == ("row", "NOT DEFERRABLE"):
            with pytest.raises(ArchiveError, match=r"circle.*ALTER CONSTRAINT"):
                await shop.tenants.restore(tmp_path / "acme.zip", id=GLOBEX)
            return
        await shop.tenants.restore(tmp_path / "acme.zip", id=GLOBEX)
        after = await shop.tenants.export(GLOBEX, tmp_path / "globex.zip")
        assert contents(after) == contents(before)
        async with shop.tenants.parts.places.inside(await shop.tenants.get(GLOBEX)) as place:
            rigid = await place.driver.fetchval(
                "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT condeferrable "
                "AND conrelid::regclass::text LIKE '%team'"
            )
        assert (rigid > 0) is (deferrable == "NOT DEFERRABLE")  # left as they were
        await forget(shop)
        assert await shop.count(GLOBEX, "person") == 1


async def test_shared_tables_run_their_triggers_and_are_found_out(
    open_shop: OpenShop, tmp_path: Path
) -> None:
    async with open_shop("row") as shop:
        await shop.tenants.create("Acme", id=ACME)
        await shop.fill(ACME, rows=2)
        await shop.tenants.export(ACME, tmp_path / "acme.zip")
        body = "BEGIN {guard} NEW.name = NEW.name || '!'; RETURN NEW; END"
        function = (
            "CREATE OR REPLACE FUNCTION shop.shout() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"
        )
        await shop.admin.execute(function.format(body=body.format(guard="")))
        await shop.admin.execute(
            "CREATE TRIGGER shout BEFORE INSERT ON shop.customer"
            " FOR EACH ROW EXECUTE FUNCTION shop.shout()"
        )
        with pytest.raises(ArchiveError, match=r"customer .*fraiseql\.importing"):
            await shop.tenants.restore(tmp_path / "acme.zip", id=GLOBEX)
        guard = "IF current_setting('fraiseql.importing', true) = 'on' THEN RETURN NEW; END IF;"
        await shop.admin.execute(function.format(body=body.format(guard=guard)))
        await shop.tenants.restore(tmp_path / "acme.zip", id=GLOBEX)
        assert await shop.count(GLOBEX) == 2

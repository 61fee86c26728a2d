"""What the scribe notes is written, however its block ends."""

from __future__ import annotations

import asyncio

import asyncpg

from example_app.database import Urls
from fraiseql_strawberry.config.secret import SecretUrl
from fraiseql_strawberry.lifecycle.migrate.ledger import Ledger
from fraiseql_strawberry.lifecycle.migrate.places import Place, Selection
from fraiseql_strawberry.lifecycle.migrate.rules import Rules
from fraiseql_strawberry.lifecycle.migrate.scribe import Scribe


async def test_it_ends_while_it_writes(empty_database: Urls) -> None:
    url = empty_database.migrator_url
    driver, other = await asyncpg.connect(url), await asyncpg.connect(url)
    ledger = await Ledger.open(driver, Rules(), ("r1",), Selection())
    await ledger.plan([Place(name, SecretUrl(url), "s", "s") for name in ("a", "b")])
    scribe = Scribe(ledger, driver)
    await scribe.__aenter__()
    async with other.transaction():
        await other.execute("SELECT FROM fraiseql.migration_ledger FOR UPDATE")
        scribe.started("a")
        await asyncio.sleep(0.4)  # it writes now, and waits for the row
        scribe.finished("b", written=False)
        ending = asyncio.create_task(scribe.__aexit__(None, None, None))
        await asyncio.sleep(0.1)
        assert not ending.done()
    await ending
    rows = await other.fetch(
        "SELECT started IS NOT NULL, finished IS NOT NULL"
        " FROM fraiseql.migration_ledger ORDER BY tenant"
    )
    assert [tuple(row) for row in rows] == [(True, False), (True, True)]
    await other.close()
    await driver.close()

"""`check` and `prove` on a database with many tables, within the time that a pipeline has."""

from __future__ import annotations

import sys
import time

import asyncpg
import pytest

from example_app.data import ACME, GLOBEX
from example_app.database import Urls
from fraiseql_strawberry.check import check_connection
from fraiseql_strawberry.check.prove import Outcome, prove_database
from fraiseql_strawberry.config import Config
from fraiseql_strawberry.sql import golden

CHECK_TABLES, CHECK_SECONDS = 500, 10
PROVE_TABLES, PROVE_SECONDS = 100, 60


TABLE = """
    CREATE TABLE {table} (
        tenant_id uuid NOT NULL DEFAULT {helper}, id uuid NOT NULL DEFAULT gen_random_uuid(),
        title text NOT NULL, other_id uuid, made_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, other_id) REFERENCES {other} (tenant_id, id)
    )
"""


async def make_tables(urls: Urls, count: int) -> None:
    """Tables as the golden SQL makes them, each with a reference to the one before and a view."""
    admin = await asyncpg.connect(urls.admin_url)
    for number in range(count):
        table, view = f"app.tb_t{number}", f"app.v_t{number}"
        other = f"app.tb_t{number - number % 5}"
        statements = [
            TABLE.format(table=table, helper=golden.HELPER, other=other),
            f"CREATE INDEX ON {table} (tenant_id, other_id)",
            *golden.enable_row_security(table),
            *(golden.create_policy(table, n, permissive=p) for n, p in golden.POLICIES.items()),
            golden.create_view(view, f"SELECT id, title, tenant_id FROM {table}"),
            golden.grant_access("TABLE", table, "app"),
            golden.grant_access("VIEW", view, "app"),
            golden.hand_over("TABLE", table, "app_owner"),
            golden.hand_over("VIEW", view, "app_owner"),
        ]
        await admin.execute("; ".join(statements))
    await admin.close()


@pytest.mark.slow
async def test_check_of_500_tables(fresh_blog: Urls) -> None:
    await make_tables(fresh_blog, CHECK_TABLES)
    connection = await asyncpg.connect(fresh_blog.app_url)
    config = Config.from_env({"DATABASE_URL": fresh_blog.app_url})
    began = time.perf_counter()
    facts, found = await check_connection(config, connection)
    seconds = time.perf_counter() - began
    await connection.close()
    sys.stdout.write(f"check of {len(facts.tables)} tables: {seconds:.1f} s\n")
    assert len(facts.tables) > CHECK_TABLES
    assert found == []
    assert seconds < CHECK_SECONDS


@pytest.mark.slow
async def test_prove_of_100_tables(fresh_blog: Urls) -> None:
    await make_tables(fresh_blog, PROVE_TABLES)
    connection = await asyncpg.connect(fresh_blog.app_url)
    config = Config.from_env({"DATABASE_URL": fresh_blog.app_url})
    began = time.perf_counter()
    proof = await prove_database(config, connection, (str(ACME), str(GLOBEX)))
    seconds = time.perf_counter() - began
    await connection.close()
    closed = proof.count(Outcome.CLOSED)
    sys.stdout.write(
        f"prove of {PROVE_TABLES} tables and their views: {closed} attacks, {seconds:.1f} s\n"
    )
    assert proof.holes == ()
    assert closed > PROVE_TABLES * 20
    assert seconds < PROVE_SECONDS

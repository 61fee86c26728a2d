"""A million rows of one tenant: page 10,000 of a connection costs what page 1 does.

What is compared is what PostgreSQL reads, which no other load on the machine changes; the times are
logged (`pytest -m slow --log-cli-level=INFO`).
"""

from __future__ import annotations

import base64
import json
import logging
import statistics
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
from graphql import parse

import fraiseql_strawberry as fraiseql
from fraiseql_strawberry.graphql.compiler import (
    Bound,
    Compiled,
    SchemaIndex,
    Settings,
    compile_operation,
)
from fraiseql_strawberry.sql.catalog import CATALOG_SQL, Catalog, source_names

pytestmark = pytest.mark.slow
_log = logging.getLogger(__name__)

TENANT = "11111111-1111-4111-8111-111111111111"
PAGE, DEEP, ROWS = 20, 10_000, 1_000_000
DDL = f"""
CREATE TABLE public.tb_entry (
  tenant_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
  created_at timestamptz NOT NULL, title text NOT NULL, PRIMARY KEY (tenant_id, id));
ALTER TABLE public.tb_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tb_entry FORCE ROW LEVEL SECURITY;
CREATE FUNCTION public.tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  RETURN NULLIF(current_setting('app.tenant_id', true), '')::uuid;
CREATE POLICY tenant_access ON public.tb_entry USING (tenant_id = (SELECT public.tenant()));
CREATE VIEW public.v_entry WITH (security_invoker = true) AS
  SELECT id, created_at, title FROM public.tb_entry;
INSERT INTO public.tb_entry (tenant_id, created_at, title)
  SELECT '{TENANT}', timestamptz '2024-01-01' + n / 3 * interval '1 second', 'entry ' || n
  FROM generate_series(1, {ROWS}) AS n;
CREATE INDEX ON public.tb_entry (tenant_id, created_at DESC, id DESC);
CREATE INDEX ON public.tb_entry (tenant_id, created_at DESC, id);
ANALYZE public.tb_entry;
"""


@fraiseql.type(sql_source="v_entry")
class Entry:
    id: UUID
    created_at: datetime
    title: str


@fraiseql.query(sql_source="v_entry", order_by="-created_at, -id", relay=True)
def entries() -> list[Entry]: ...


@fraiseql.query(sql_source="v_entry", order_by="-created_at, id", relay=True)
def mixed() -> list[Entry]: ...


@fraiseql.query(sql_source="v_entry", order_by="-created_at, -id")
def listed(limit: int = PAGE, offset: int = 0) -> list[Entry]: ...


INDEX = SchemaIndex(fraiseql.build_schema([entries, mixed, listed]))


class Million(NamedTuple):
    connection: asyncpg.Connection
    catalog: Catalog


@pytest.fixture(scope="module")
async def million(admin_url: str) -> AsyncIterator[Million]:
    name, parts = f"million_{uuid4().hex}", urlsplit(admin_url)
    server = await asyncpg.connect(admin_url)
    await server.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}' NOBYPASSRLS")
    await server.execute(f"CREATE DATABASE {name}")
    try:
        admin = await asyncpg.connect(parts._replace(path=f"/{name}").geturl())
        await admin.execute(DDL)
        await admin.execute("VACUUM public.tb_entry")
        await admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
        await admin.close()
        netloc = f"{name}:{name}@{parts.netloc.rpartition('@')[2]}"
        url = parts._replace(netloc=netloc, path=f"/{name}").geturl()
        settings = {"plan_cache_mode": "force_generic_plan", "app.tenant_id": TENANT}
        connection = await asyncpg.connect(url, server_settings=settings)
        rows = await connection.fetch(CATALOG_SQL, source_names(INDEX.sources()))
        yield Million(connection, Catalog.read(rows))
        await connection.close()
    finally:
        await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await server.execute(f"DROP ROLE {name}")
        await server.close()


class Cost(NamedTuple):
    blocks: int
    seconds: float
    data: Any


async def cost(million: Million, text: str, **variables: Any) -> Cost:
    """Blocks that the statement touches, and the median of its times."""
    settings = Settings(first_parameter=1, max_cost=10**9)
    program = compile_operation(INDEX, parse(text), None, million.catalog, settings)
    assert isinstance(program, Compiled), program
    bound = program.bind(variables, (), TENANT)
    assert isinstance(bound, Bound), bound
    statement = await million.connection.prepare(bound.sql())
    data = json.loads(await statement.fetchval(*bound.args))
    times: list[float] = []
    for _ in range(20):
        started = time.perf_counter()
        await statement.fetchval(*bound.args)
        times.append(time.perf_counter() - started)
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {bound.sql()}"
    plan = json.loads(await million.connection.fetchval(explain, *bound.args))[0]["Plan"]
    blocks = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return Cost(blocks, statistics.median(times), next(iter(data.values())))


@pytest.mark.parametrize("field", ["entries", "mixed"])
async def test_a_deep_page_costs_what_the_first_does(
    million: Million, field: str, record_property: Any
) -> None:
    text = f"""query ($first: Int, $after: String) {{ {field}(first: $first, after: $after) {{
        edges {{ node {{ id title }} }} pageInfo {{ endCursor hasNextPage }} }} }}"""
    first = await cost(million, text, first=PAGE)
    second = await cost(million, text, first=PAGE, after=first.data["pageInfo"]["endCursor"])
    tie = "DESC" if field == "entries" else "ASC"
    row = await million.connection.fetchrow(
        f"SELECT created_at, to_json(created_at) #>> '{{}}' AS moment, id FROM v_entry "
        f"ORDER BY created_at DESC, id {tie} OFFSET {PAGE * (DEEP - 1) - 1} LIMIT 1"
    )
    assert row is not None
    start = base64.b64decode(first.data["pageInfo"]["endCursor"]).decode().split("[", 1)[0]
    place = base64.b64encode((start + json.dumps([row["moment"], str(row["id"])])).encode())
    deep = await cost(million, text, first=PAGE, after=place.decode())
    offset = await cost(
        million,
        "query ($limit: Int!, $offset: Int!) { listed(limit: $limit, offset: $offset) { id title } }",
        limit=PAGE,
        offset=PAGE * (DEEP - 1),
    )
    for name, one in (("1", first), ("2", second), ("10,000", deep), ("10,000, offset", offset)):
        seconds = f"{one.seconds * 1000:.2f} ms"
        record_property(f"{field}: page {name}", f"{one.blocks} blocks, {seconds}")
        _log.info("%s: page %s: %d blocks, %s", field, name, one.blocks, seconds)
    assert len(deep.data["edges"]) == PAGE
    if field == "entries":
        assert [edge["node"]["id"] for edge in deep.data["edges"]] == [
            row["id"] for row in offset.data
        ]
    assert deep.blocks == pytest.approx(second.blocks, rel=0.2, abs=2)
    assert deep.blocks == pytest.approx(first.blocks, rel=0.2, abs=2)
    assert offset.blocks > 100 * deep.blocks

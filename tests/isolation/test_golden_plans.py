"""Under the policies a page still comes from the index, and the tenant is computed once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls, clone, drop


@pytest.fixture(scope="module")
async def crowded(blog_template: Urls) -> AsyncIterator[Urls]:
    """A blog in which acme has 20,000 more posts, each with a comment, and globex has none more."""
    urls = await clone(blog_template, f"blog_{uuid4().hex}")
    migrator = await asyncpg.connect(urls.migrator_url)
    await migrator.execute(
        "INSERT INTO app.tb_post (tenant_id, user_id, title, content, published, created_at)"
        " SELECT $1, $2, 'Title', 'Content', n % 50 <> 0, now() - n * interval '1 minute'"
        " FROM generate_series(1, 20000) AS n",
        ACME,
        blog_of(ACME).users[0].id,
    )
    await migrator.execute(
        "INSERT INTO app.tb_comment (tenant_id, post_id, user_id, content)"
        " SELECT tenant_id, id, user_id, 'Comment' FROM app.tb_post"
    )
    await migrator.execute("ANALYZE app.tb_post, app.tb_comment")
    await migrator.close()
    yield urls
    await drop(urls)


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's node and all below it."""
    yield node
    for child in node.get("Plans", []):
        yield from walk(child)


@pytest.mark.parametrize("tenant_id", [ACME, GLOBEX], ids=["whale", "small"])
@pytest.mark.parametrize("plan_cache_mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize(
    ("source", "argument", "index"),
    [
        ("v_post ORDER BY created_at DESC, id LIMIT 20", "", "tb_post_recent"),
        (
            "v_post WHERE published = $1 ORDER BY created_at DESC, id LIMIT 20",
            "false",
            "tb_post_published",
        ),
        ("v_post WHERE id = $1", f"'{uuid4()}'", "tb_post_pkey"),
        (
            "v_comment WHERE post_id = $1 ORDER BY created_at, id LIMIT 20",
            f"'{uuid4()}'",
            "tb_comment_thread",
        ),
    ],
    ids=["page", "filtered page", "by id", "comments of a post"],
)
async def test_the_index_serves_the_query(
    crowded: Urls, source: str, argument: str, index: str, plan_cache_mode: str, tenant_id: UUID
) -> None:
    app_role = await asyncpg.connect(crowded.app_url)
    async with app_role.transaction():
        await app_role.execute("SELECT set_config('app.tenant_id', $1, true)", str(tenant_id))
        await app_role.execute(f"SET LOCAL plan_cache_mode = {plan_cache_mode}")
        await app_role.execute(f"PREPARE page AS SELECT * FROM {source}")
        text = await app_role.fetchval(
            f"EXPLAIN (FORMAT JSON) EXECUTE page {argument and f'({argument})'}"
        )
    await app_role.close()

    nodes = list(walk(json.loads(text)[0]["Plan"]))
    assert {"Sort", "Incremental Sort", "Seq Scan"}.isdisjoint(n["Node Type"] for n in nodes), text
    (scan,) = [node for node in nodes if "Index Cond" in node]
    assert scan["Index Name"] == index
    assert "tenant_id = " in scan["Index Cond"]
    # An InitPlan runs once; the function in a condition would run for each row.
    assert [node for node in nodes if node.get("Parent Relationship") == "InitPlan"], text
    assert "current_setting" not in f"{scan['Index Cond']}{scan.get('Filter')}"

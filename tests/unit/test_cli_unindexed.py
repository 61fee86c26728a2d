"""What EXPLAIN's plans say of filters and orders that no index serves."""

from __future__ import annotations

from typing import Any

import pytest

from fraiseql_strawberry.cli.explain.unindexed import Unindexed, unindexed

TENANT = "(tenant_id = (InitPlan 1).col1)"
FENCE = "(tenant_id = (InitPlan 2).col1)"


def scan(kind: str = "Index Scan", /, **more: str) -> dict[str, Any]:
    names = {name.replace("_", " "): value for name, value in more.items()}
    return {"Node Type": kind, "Relation Name": "tb_post", **names}


def above(kind: str, *below: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Node Type": kind, "Plans": list(below), **more}


@pytest.mark.parametrize(
    "plan",
    [
        scan(Index_Cond=f"({TENANT} AND (published = $1))"),
        scan(Index_Cond=f"({TENANT} AND (id = $1))", Filter=f"({FENCE} AND (title ~~* $2))"),
        scan("Bitmap Heap Scan", Recheck_Cond=f"({TENANT} AND (id = $1))", Filter="(title = $2)"),
        scan(Index_Cond="(id = $1)", Filter="(title = $2)"),  # no tenant's column: a schema's table
        scan(Index_Cond=TENANT, Filter=FENCE),
        scan("Seq Scan"),
        above("Sort", {"Node Type": "CTE Scan", "CTE Name": "page"}, **{"Sort Key": ["page.n"]}),
        above(
            "Sort",
            {"Node Type": "CTE Scan", "CTE Name": "page"},
            scan(Parent_Relationship="InitPlan", Index_Cond=TENANT),
            **{"Sort Key": ["page.n"]},
        ),
    ],
)
def test_what_an_index_serves(plan: dict[str, Any]) -> None:
    assert unindexed(above("Limit", plan)) == ()


def test_a_filter_that_is_looked_at_in_every_row_of_the_tenant() -> None:
    condition = f"({FENCE} AND (title ~~* $1))"
    (found,) = unindexed(above("Result", above("Limit", scan(Index_Cond=TENANT, Filter=condition))))
    assert found == Unindexed("filter", "tb_post", condition)
    assert str(found) == (
        f"no index of tb_post serves the filter {condition}: every row of the tenant is looked at"
    )


@pytest.mark.parametrize("condition", [TENANT, f"({TENANT} AND (title = $1))"])
def test_a_filter_that_is_looked_at_in_the_rows_of_all_tenants(condition: str) -> None:
    for kind in ("Seq Scan", "Index Scan"):
        (found,) = unindexed(scan(kind, Filter=condition))
        assert found == Unindexed("filter", "tb_post", condition, whole=True)
        assert "of whichever tenant" in str(found)


def test_an_order_that_no_index_gives() -> None:
    plan = above("Sort", scan(Index_Cond=TENANT), **{"Sort Key": ["t.title", "t.id DESC"]})
    (found,) = unindexed(above("Limit", plan, plan))  # said once
    assert found == Unindexed("order", "tb_post", "t.title, t.id DESC")
    assert (
        str(found) == "no index of tb_post gives the order t.title, t.id DESC: its rows are sorted"
    )

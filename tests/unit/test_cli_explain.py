from __future__ import annotations

import re
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console

from fraiseql_strawberry.cli.explain.described import describe, parameters
from fraiseql_strawberry.cli.explain.layout import laid_out
from fraiseql_strawberry.cli.explain.postgres import PostgresPlan
from fraiseql_strawberry.cli.explain.trees import plan_tree, postgres_tree
from fraiseql_strawberry.sql.catalog import ColumnType
from fraiseql_strawberry.sql.plan import (
    ColumnRef,
    Constant,
    Filter,
    Join,
    Link,
    Nested,
    Order,
    Parameter,
    Plan,
    Select,
    Value,
)
from fraiseql_strawberry.sql.render import render
from fraiseql_strawberry.sql.scalars import Scalar
from fraiseql_strawberry.sql.source import Source

ID = ColumnRef("id", ColumnType("uuid"))
TITLE = ColumnRef("title", ColumnType("text"), document="data")
MOOD = ColumnRef("mood", ColumnType("mood", schema="app", labels=("good",)))
TAGS = ColumnRef("tags", ColumnType("text", array=True))

PLAN = Plan(
    (
        Constant("__typename", "Query"),
        Nested(
            "posts",
            Select(
                Source("v_post", "app"),
                (
                    Value("id", ID, Scalar("uuid"), nullable=False),
                    Value("headline", TITLE, Scalar("string"), nullable=True),
                    Constant("kind", "Post"),
                    Nested(
                        "tags",
                        Select(Source("v_tag"), (Value("id", ID, Scalar("uuid"), nullable=False),)),
                        many=True,
                        nullable=False,
                        join=Join((ID,), (ID,), Link(Source("tb_post_tag"), (ID,), (ID,))),
                    ),
                ),
                filters=(
                    Filter(MOOD, Parameter(0, MOOD.type)),
                    Filter(ID, Parameter(1, ID.type, array=True)),
                    Filter(TAGS, Parameter(2, ColumnType("text"), array=True)),
                ),
                order=(Order(TITLE, descending=True), Order(ID)),
                limit=Parameter(3, ColumnType("int8")),
                offset=Parameter(4, ColumnType("int8")),
            ),
            many=True,
            nullable=False,
        ),
    )
)


def printed(tree: Any) -> str:
    out = StringIO()
    Console(file=out, width=300, highlight=False).print(tree)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def test_a_plan_as_data() -> None:
    typename, posts = describe(PLAN)
    assert typename == {"key": "__typename", "constant": "Query"}
    assert posts == {
        "key": "posts",
        "source": "app.v_post",
        "rows": "many",
        "where": ["mood = $1", "id = any of $2", "tags = $3"],
        "order_by": ["data.title desc", "id"],
        "limit": "$4",
        "offset": "$5",
        "columns": ["id", "headline: data.title", "kind: 'Post'"],
        "below": [
            {
                "key": "tags",
                "source": "v_tag",
                "rows": "many",
                "where": ["tb_post_tag.id = id of the row above", "id = tb_post_tag.id"],
                "columns": ["id"],
            }
        ],
    }


def test_keys_of_ours_are_left_out() -> None:
    posts = describe(PLAN, keys=False)[1]
    assert "key" not in posts
    assert posts["columns"] == ["id", "data.title", "kind: 'Post'"]
    assert "key" not in posts["below"][0]


def test_the_parameters_have_types_and_plain_values() -> None:
    one = UUID("11111111-1111-4111-8111-111111111111")
    found = parameters(PLAN, ("good", [one], ["a"], 20, None))
    assert [(p["number"], p["type"], p["value"]) for p in found] == [
        (1, "app.mood", "good"),
        (2, "uuid[]", [str(one)]),
        (3, "text[]", ["a"]),
        (4, "int8", 20),
        (5, "int8", None),
    ]


@pytest.mark.parametrize(
    ("value", "plain"),
    [(b"\x00\xff", "\\x00ff"), (Decimal("1.50"), "1.50"), (True, True), (1.5, 1.5)],
)
def test_a_value_is_shown_as_json_has_it(value: object, plain: object) -> None:
    assert parameters(PLAN, (value,))[0]["value"] == plain


def test_a_plan_as_a_tree() -> None:
    assert printed(plan_tree("query Feed", describe(PLAN))) == (
        "query Feed\n"
        "├── __typename: 'Query'\n"
        "└── posts: rows of app.v_post where mood = $1 and id = any of $2 and tags = $3, "
        "order by data.title desc, id, limit $4, offset $5\n"
        "    ├── id, headline: data.title, kind: 'Post'\n"
        "    └── tags: rows of v_tag where tb_post_tag.id = id of the row above "
        "and id = tb_post_tag.id\n"
        "        └── id"
    )


def test_the_answer_of_explain_as_a_tree() -> None:
    plan = {
        "Node Type": "Limit",
        "Total Cost": 1.5,
        "Plan Rows": 3,
        "Plans": [
            {
                "Node Type": "Index Scan",
                "Index Name": "tb_post_recent",
                "Relation Name": "tb_post",
                "Alias": "p",
                "Total Cost": 9.125,
                "Plan Rows": 40,
                "Actual Total Time": 0.0794,
                "Actual Rows": 3,
                "Actual Loops": 1,
                "Shared Hit Blocks": 19,
                "Shared Read Blocks": 1,
                "Index Cond": "(tenant_id = (InitPlan 1).col1)",
                "Rows Removed by Index Recheck": 0,
            },
            {
                "Node Type": "Hash Join",
                "Join Type": "Left",
                "Subplan Name": "SubPlan 2",
                "Total Cost": 1,
                "Plan Rows": 1,
                "Sort Key": ["a", "b"],
            },
        ],
    }
    assert printed(postgres_tree(PostgresPlan("generic plan", plan, 0.5, 0.25))) == (
        "EXPLAIN ANALYZE: planning 0.500 ms, execution 0.250 ms (generic plan)\n"
        "└── Limit  cost 1.50, rows 3\n"
        "    ├── Index Scan using tb_post_recent on tb_post p  cost 9.12, rows 40; "
        "really 0.079 ms, rows 3, loops 1, pages 20\n"
        "    │   └── Index Cond: (tenant_id = (InitPlan 1).col1)\n"
        "    └── SubPlan 2: Hash Join (Left)  cost 1.00, rows 1\n"
        "        └── Sort Key: a, b"
    )
    assert printed(postgres_tree(PostgresPlan("custom plan", plan))).startswith(
        "EXPLAIN (custom plan)\n"
    )


# -- the layout of a statement ---------------------------------------------------------------


def squeezed(sql: str) -> str:
    """A statement without white space outside of quotes."""
    return re.sub(r"""("(?:[^"]|"")*"|'(?:[^']|'')*')|\s+""", lambda m: m[1] or "", sql)


@pytest.mark.parametrize(
    "sql",
    [
        render(PLAN).text(),
        render(PLAN).text("tenant_a"),
        "SELECT 'FROM (SELECT' AS \"a WHERE (b\", E'it''s \\\\(' FROM (SELECT 1) AS \"x\"\" FROM\"",
        "SELECT ) FROM",
    ],
)
def test_only_white_space_outside_of_quotes_is_added(sql: str) -> None:
    assert squeezed(laid_out(sql)) == squeezed(sql)


def test_clauses_and_sub_selects_stand_on_their_own_lines() -> None:
    sql = (
        'SELECT a, ARRAY(SELECT b FROM c WHERE extract(day FROM d) = 1) AS "x" '
        "FROM (SELECT 1 AS a) AS t ORDER BY a LIMIT 3"
    )
    assert laid_out(sql) == (
        "SELECT a, ARRAY(\n"
        "  SELECT b\n"
        "  FROM c\n"
        "  WHERE extract(day FROM d) = 1\n"
        ') AS "x"\n'
        "FROM (\n"
        "  SELECT 1 AS a\n"
        ") AS t\n"
        "ORDER BY a\n"
        "LIMIT 3"
    )

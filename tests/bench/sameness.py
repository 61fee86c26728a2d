"""Before anything is measured: do all contestants give the same answers, and do they give any?"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import asyncpg
from kinds import Kind, Request
from load import LoadError
from statements import statement

__all__ = ["check_pgbench", "compare", "plain"]

# Python's other way to write a time in UTC.
_ZULU = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)Z")


def plain(kind: Kind, body: bytes) -> Any:
    """What a response says, without what may differ: ids of new rows, cursors, `Z` for `+00:00`."""
    decoded = json.loads(body)
    data = decoded["data"] if kind.document else decoded
    if kind.writes:
        values: list[Any] = list(data.values())
        if kind.document == "bulk":
            return [_created(row) for row in (values[0] if len(values) == 1 else values)]
        return _created(values[0])
    if kind.document == "third_page":
        page = data["feed"]["pageInfo"]
        page["endCursor"] = bool(page["endCursor"])
    if kind.document == "aggregate":
        groups = data["postsAggregate"]["groupBy"]
        data["postsAggregate"]["groupBy"] = sorted(map(_group, groups), key=json.dumps)
    return json.loads(_ZULU.sub(r"\1+00:00", json.dumps(data)))


def _group(group: dict[str, Any]) -> dict[str, Any]:
    if isinstance(group["keys"], list):  # PostGraphile gives texts, and a count for each column
        (published,) = group["keys"]
        return {"keys": {"published": published == "true"}, "count": int(group["count"]["rowId"])}
    return group


def _created(row: dict[str, Any]) -> dict[str, Any]:
    row = row.get("post", row)  # PostGraphile wraps it
    return {key: value for key, value in row.items() if key != "id"}


def compare(kind: Kind, answers: dict[str, list[Any]]) -> None:
    """Compare the answers to the same requests.

    Args:
        kind: The kind.
        answers: What each contestant said, by name; the order is that of the requests.

    Raises:
        LoadError: Two differ, or one holds no rows.
    """
    (first, expected), *others = answers.items()
    for name, said in others:
        for number, (ours, theirs) in enumerate(zip(expected, said, strict=True)):
            if ours != theirs:
                raise LoadError(
                    f"{kind.name}, request {number}: {first} and {name} differ:\n"
                    f"  {first}: {json.dumps(ours)[:600]}\n  {name}: {json.dumps(theirs)[:600]}"
                )
    for said in expected:
        values = said.values() if isinstance(said, dict) else [said]
        if not all(values):
            raise LoadError(f"{kind.name}: the answer is empty: {json.dumps(said)}")


async def check_pgbench(kind: Kind, url: str, requests: list[Request], expected: list[Any]) -> None:
    """Run pgbench's statements for the same requests, and compare what they find.

    Raises:
        LoadError: They find something else.
    """
    if kind.writes or kind.document == "mixed":
        return  # it inserts rows of its own; and it knows no resolvers
    connection = await asyncpg.connect(url)
    try:
        for request, wanted in zip(requests, expected, strict=True):
            values = _values(kind, request)
            read = statement(kind.sql)
            async with connection.transaction():
                await connection.execute(
                    "SELECT set_config('app.tenant_id', $1, true)", request.tenant.id
                )
                text = await connection.fetchval(read.sql, *(values[name] for name in read.names))
            found = text if not kind.document else f'{{"data":{text}}}'
            if plain(kind, found.encode()) != wanted:
                raise LoadError(f"{kind.name}: pgbench's statement finds other rows: {text[:600]}")
    finally:
        await connection.close()


def _values(kind: Kind, request: Request) -> dict[str, Any]:
    body = request.body or {}
    found: dict[str, Any] = {"published": True, **body.get("variables", {})}
    if "limit" in kind.pgbench:
        found["limit"] = int(kind.pgbench["limit"])
    if kind.pages:
        last = request.tenant.size.posts + 1 - kind.pages * found["limit"]
        found["id"] = request.tenant.post(last)
        found["at"] = datetime.fromisoformat(request.tenant.posted_at(last))
    inline = re.search(r'"([0-9a-f-]{36})"', body.get("query", ""))
    if inline:
        found["id"] = inline[1]
    return found

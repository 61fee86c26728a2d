"""Bad input over HTTP: always a clear coded error, never SQL or a stack trace, and the server goes on."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from example_app.data import ACME, blog_of
from example_app.database import Urls

POST_ID = str(blog_of(ACME).posts[0].id)
LEAKS = re.compile(
    r"Traceback|File \"|SELECT |INSERT |asyncpg|sqlalchemy|postgresql:|set_config|/site-packages/"
    r"|v_post|tb_post|app\.tenant_id",
    re.IGNORECASE,
)

BOMB = (
    "".join(f"fragment F{n} on Post {{ ...F{n + 1} ...F{n + 1} }} " for n in range(16))
    + "fragment F16 on Post { id } query { posts { ...F0 } }"
)
CYCLE = "fragment A on Post { ...B } fragment B on Post { ...A } query { posts { ...A } }"
ALIASES = "{ " + " ".join(f"a{n}: posts(limit: 1) {{ id }}" for n in range(31)) + " }"
WIDE = "{ posts { " + "id " * 2001 + "} }"


@dataclass(frozen=True)
class Case:
    """An operation that cannot be served.

    Args:
        name: What is wrong with it.
        query: The operation.
        status: The HTTP status.
        says: What the message says, so that a person can mend it.
        code: `extensions.code`.
        body: Further members of the request.
    """

    name: str
    query: str
    says: str
    status: int = 200
    code: str = "BAD_USER_INPUT"
    body: dict[str, Any] = field(default_factory=dict)


LIMIT = "query($n: Int!) { posts(limit: $n) { id } }"
BY_ID = "query($id: UUID!) { post(id: $id) { id } }"

CASES = [
    # Arguments.
    Case("limit: -1", "{ posts(limit: -1) { id } }", "limit"),
    Case("limit: -1 as a variable", LIMIT, "limit", body={"variables": {"n": -1}}),
    Case("limit: 2147483647", "{ posts(limit: 2147483647) { id } }", "1000"),
    Case("limit: 1001", "{ posts(limit: 1001) { id } }", "1000"),
    Case("offset: -1", "{ posts(offset: -1) { id } }", "offset"),
    Case("an integer beyond 32 bits", "{ posts(limit: 99999999999) { id } }", "32-bit"),
    Case("a huge integer", "{ posts(limit: 1" + "0" * 300 + ") { id } }", "32-bit"),
    Case("a huge variable", LIMIT, "32-bit", body={"variables": {"n": 10**300}}),
    Case("a float variable", LIMIT, "Int", body={"variables": {"n": 1.5}}),
    Case("a string for an integer", '{ posts(limit: "x") { id } }', "Int"),
    Case("null for a required argument", "{ post(id: null) { id } }", "null"),
    Case("a missing argument", "{ post { id } }", "id"),
    Case("a missing variable", BY_ID, "$id"),
    Case("a bad UUID", '{ post(id: "not-a-uuid") { id } }', "UUID"),
    Case("a bad UUID as a variable", BY_ID, "UUID", body={"variables": {"id": "1; DROP TABLE x"}}),
    Case("a number for a UUID", BY_ID, "UUID", body={"variables": {"id": 7}}),
    Case("a list for a UUID", BY_ID, "UUID", body={"variables": {"id": [POST_ID]}}),
    Case("a string for a boolean", '{ posts(published: "yes") { id } }', "Boolean"),
    Case("an unknown argument", "{ posts(limitt: 1) { id } }", "Did you mean 'limit'"),
    # Fields.
    Case("an unknown field", "{ posts { titel } }", "Did you mean 'title'"),
    Case("an unknown root field", "{ postz { id } }", "Did you mean 'post' or 'posts'"),
    Case("no selection", "{ posts }", "selection"),
    Case("a private field", "{ posts { userId } }", "userId"),
    Case("an unknown directive", "{ posts @nope { id } }", "nope"),
    Case("an unknown variable type", "query($a: Nope) { posts(limit: $a) { id } }", "Nope"),
    Case("an undefined fragment", "{ posts { ...Nope } }", "Nope"),
    Case("an unused fragment", "{ posts { id } } fragment F on Post { id }", "F"),
    Case("an unknown mutation", "mutation { dropEverything }", "dropEverything"),
    Case("a subscription", "subscription { posts { id } }", "subscription"),
    # Syntax.
    Case("an unclosed brace", "{ posts { id }", "Syntax Error"),
    Case("a stray character", "{ posts { id ☃ } }", "Syntax Error"),
    Case("only white space", "   ", "Syntax Error"),
    Case("only a comment", "# nothing", "Syntax Error"),
    Case("SQL", "SELECT * FROM users", "Syntax Error"),
    # Sizes.
    Case("a fragment bomb", BOMB, "limit"),
    Case("a fragment cycle", CYCLE, "itself"),
    Case("31 aliases", ALIASES, "aliases"),
    Case("too many tokens", WIDE, "tokens"),
    Case("20 levels", "{a" * 20 + "}" * 20, "depth"),
    Case("900 levels", "{a" * 900 + "}" * 900, "dee"),
    Case("5,000 braces", "{" * 5000, "Syntax Error"),
    # Operations.
    Case("several operations, none named", "query A { posts { id } } query B { users { id } }", "operationName"),
    Case("an operation that is not there", "query A { posts { id } }", '"C"', 400, body={"operationName": "C"}),
    Case("two operations of one name", "query A { posts { id } } query A { users { id } }", "one operation named"),
]  # fmt: skip


def refusal(answer: Any) -> Any:
    """The one error of an answer that holds nothing it should not."""
    assert not LEAKS.search(answer.text), answer.text
    body = answer.json()
    assert not (body.get("data") or {}).get("posts")
    return body["errors"][0]


async def still_serves(client: Any, token: str) -> None:
    assert await client.data("{ posts(limit: 1) { id } }", token)


@pytest.fixture(scope="module", autouse=True)
async def listening(client: Any) -> None:
    """Once the registry listens, each tenant is looked at once more: that is not the request's."""
    await asyncio.sleep(1)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_an_operation_that_cannot_be_served(
    client: Any, token: Callable[..., str], case: Case, watch: Any
) -> None:
    await still_serves(client, token())
    async with watch.nothing_sent(), asyncio.timeout(2):
        answer = await client.post("/graphql", token(), json={"query": case.query, **case.body})
    assert answer.status_code == case.status, answer.text
    error = refusal(answer)
    assert error["extensions"]["code"] == case.code, error
    assert case.says in error["message"], error
    await still_serves(client, token())


@pytest.mark.parametrize("name", ["limit", "offset"])
async def test_the_argument_is_named(client: Any, token: Callable[..., str], name: str) -> None:
    answer = await client.graphql(f"{{ posts({name}: -1) {{ id }} }}", token())
    error = refusal(answer)
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": name}
    assert error["path"] == ["posts"]


# --- Bodies that are no operation -------------------------------------------------------------------

QUERY = json.dumps({"query": "{ posts { id } }"})
BODIES: dict[str, tuple[bytes | str, str, int]] = {
    "nothing": ("", "application/json", 400),
    "broken JSON": ('{"query": ', "application/json", 400),
    "not UTF-8": (b'{"query": "\xff\xfe"}', "application/json", 400),
    "deep JSON": ("[" * 100_000, "application/json", 400),
    "deep variables": (
        '{"query": "{ posts { id } }", "variables": {"a": ' + "[" * 50_000 + "]" * 50_000 + "}}",
        "application/json",
        400,
    ),
    "a number": ("7", "application/json", 400),
    "null": ("null", "application/json", 400),
    "a string": ('"{ posts { id } }"', "application/json", 400),
    "a list": (f"[{QUERY}, {QUERY}]", "application/json", 400),
    "an empty list": ("[]", "application/json", 400),
    "a list of numbers": ("[1]", "application/json", 400),
    "an empty object": ("{}", "application/json", 400),
    "no query": ('{"query": null}', "application/json", 400),
    "an empty query": ('{"query": ""}', "application/json", 400),
    "a query that is a number": ('{"query": 7}', "application/json", 400),
    "a query that is a list": ('{"query": ["{ posts { id } }"]}', "application/json", 400),
    "variables that are a list": ('{"query": "{ posts { id } }", "variables": [1]}', "application/json", 400),
    "variables that are text": ('{"query": "{ posts { id } }", "variables": "x"}', "application/json", 400),
    "extensions that are a list": ('{"query": "{ posts { id } }", "extensions": [1]}', "application/json", 400),
    "an operationName that is a number": ('{"query": "{ posts { id } }", "operationName": 7}', "application/json", 400),
    "a number of 5,000 digits": ('{"query": "{ posts { id } }", "variables": {"n": 1' + "0" * 5000 + "}}", "application/json", 400),
    "NaN": ('{"query": "query($n: Int) { posts(limit: $n) { id } }", "variables": {"n": NaN}}', "application/json", 400),
    "Infinity": ('{"query": "query($n: Int) { posts(limit: $n) { id } }", "variables": {"n": -Infinity}}', "application/json", 400),
    "plain text": (QUERY, "text/plain", 400),
    "a form": ("query={posts{id}}", "application/x-www-form-urlencoded", 400),
    "an upload": (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 400),
    "no content type": (QUERY, "", 400),
    "one byte more than allowed": (json.dumps({"query": "{ posts { id } }", "x": "y" * 999_967}), "application/json", 413),
    "2 MB": ('{"query": "' + " " * 2_000_000 + '{ posts { id } }"}', "application/json", 413),
}  # fmt: skip


@pytest.mark.parametrize(("content", "media_type", "status"), BODIES.values(), ids=BODIES)
async def test_a_body_that_is_no_operation(
    client: Any,
    token: Callable[..., str],
    content: bytes | str,
    media_type: str,
    status: int,
    watch: Any,
) -> None:
    await still_serves(client, token())
    headers = {"Content-Type": media_type} if media_type else {}
    async with watch.nothing_sent(), asyncio.timeout(2):
        answer = await client.post("/graphql", token(), content=content, headers=headers)
    assert answer.status_code == status, answer.text
    error = refusal(answer)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"]
    await still_serves(client, token())


async def test_exactly_as_much_as_allowed(client: Any, token: Callable[..., str]) -> None:
    frame = json.dumps({"query": "{ posts(limit: 1) { id } }", "x": ""})
    content = frame[:-2] + "y" * (1_000_000 - len(frame)) + '"}'
    answer = await client.post(
        "/graphql", token(), content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.json()["data"]["posts"]


async def test_a_body_without_a_length_is_cut_off(client: Any, token: Callable[..., str]) -> None:
    async def endless() -> Any:
        for _ in range(200):
            yield b" " * 10_000

    answer = await client.post(
        "/graphql", token(), content=endless(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413
    assert refusal(answer)["message"] == "The request body exceeds the limit of 1000000 bytes"
    await still_serves(client, token())


async def test_a_small_cap(
    blog: Urls, make_tenancy: Any, serve: Any, blog_app: Any, token: Callable[..., str]
) -> None:
    """A body that comes in one piece is measured as well."""
    async with serve(blog_app(make_tenancy(blog, graphql={"max_body_bytes": 200}))) as client:
        assert await client.data("{ posts(limit: 1) { id } }", token())
        answer = await client.graphql("{ posts(limit: 1) { id } }" + " " * 200, token())
        assert answer.status_code == 413
        assert "200 bytes" in refusal(answer)["message"]


# --- Methods ----------------------------------------------------------------------------------------


async def test_a_query_over_get(client: Any, token: Callable[..., str]) -> None:
    answer = await client.get("/graphql", token(), params={"query": "{ posts(limit: 1) { id } }"})
    assert answer.json()["data"]["posts"]
    assert answer.headers["cache-control"] == "no-store"
    assert "Authorization" in answer.headers["vary"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_other_methods(client: Any, token: Callable[..., str], method: str) -> None:
    headers = {"Authorization": f"Bearer {token()}"}
    answer = await client.http.request(method, "/graphql", headers=headers)
    assert answer.status_code == 405


async def test_a_mutation_over_get_is_refused(
    client: Any, token: Callable[..., str], watch: Any
) -> None:
    query = 'mutation { createPost(title: "x", content: "x") { id } }'
    async with watch.nothing_sent():
        answer = await client.get("/graphql", token(), params={"query": query})
    assert answer.status_code == 400
    assert refusal(answer)["extensions"]["code"] == "BAD_USER_INPUT"


BAD_GETS: dict[str, dict[str, str]] = {
    "variables that are no JSON": {"query": "{ posts { id } }", "variables": "{"},
    "variables that are a list": {"query": "{ posts { id } }", "variables": "[1]"},
    "extensions that are no JSON": {"query": "{ posts { id } }", "extensions": "{"},
    "an empty query": {"query": ""},
    "no query": {"operationName": "x"},
}


@pytest.mark.parametrize("params", BAD_GETS.values(), ids=BAD_GETS)
async def test_a_bad_query_over_get(
    client: Any, token: Callable[..., str], params: dict[str, str]
) -> None:
    headers = {"Accept": "application/json"}
    answer = await client.get("/graphql", token(), params=params, headers=headers)
    assert answer.status_code == 400
    assert refusal(answer)["extensions"]["code"] == "BAD_USER_INPUT"


# --- REST -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["-1", "0", "101", "x", "2147483648", "1e3", "", "9" * 5000])
async def test_a_bad_limit_in_rest(
    client: Any, token: Callable[..., str], limit: str, watch: Any
) -> None:
    answer = await client.get("/posts", token(), params={"limit": limit})
    assert answer.status_code == 422
    assert "limit" in answer.text
    assert not LEAKS.search(answer.text)


async def test_a_row_that_is_not_there(client: Any, token: Callable[..., str]) -> None:
    data = await client.data(f'{{ post(id: "{uuid4()}") {{ id }} }}', token())
    assert data == {"post": None}


async def test_a_nul_in_text_is_refused_and_nothing_is_written(
    client: Any, token: Callable[..., str], watch: Any
) -> None:
    query = 'mutation($t: String!) { createPost(title: $t, content: "x") { id } }'
    answer = await client.graphql(query, token(), variables={"t": "nul \0 byte"})
    assert refusal(answer)["extensions"]["code"] in ("BAD_USER_INPUT", "INTERNAL_SERVER_ERROR")
    assert await watch.owners("SELECT FROM tb_post WHERE title LIKE 'nul%'") == []
    await still_serves(client, token())

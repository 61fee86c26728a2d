"""Which tenant a request is for, over HTTP: every row of the rules, in GraphQL and in REST."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry.auth import sign

pytestmark = pytest.mark.strategies()

SECRET = "a-secret-for-tests-that-is-long-enough-for-anyone"

MISSING = {
    "errors": [{"message": "Missing tenant context", "extensions": {"code": "UNAUTHORIZED"}}]
}
NIL = UUID(int=0)
NOW = int(time.time())
VALID = {"sub": "u", "tenant_id": str(ACME), "iat": NOW, "exp": NOW + 600}


def signed(**claims: Any) -> str:
    return sign({**VALID, **claims}, SECRET)


def unsigned() -> str:
    parts = ({"alg": "none", "typ": "JWT"}, VALID)
    return (
        ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in parts
        )
        + "."
    )


@dataclass(frozen=True)
class Case:
    """A request, and what becomes of it.

    Args:
        name: What it is.
        token: Its bearer token.
        tenants: The values of its X-Tenant-ID headers.
        tenant: Whose posts are answered; None for a refusal.
        status: The HTTP status.
        code: `extensions.code` of a refusal.
        headers: Headers beside those.
    """

    name: str
    token: str | None = None
    tenants: Sequence[object] = ()
    tenant: UUID | None = None
    status: int = 401
    code: str = "UNAUTHORIZED"
    headers: Sequence[tuple[str, str]] = ()


def served(name: str, tenant: UUID, token: str, *tenants: object) -> Case:
    return Case(name, token, tenants, tenant, 200, "")


MEMBER = signed(tenants=[str(GLOBEX)])
CASES = [
    # The claim wins.
    served("a claim", ACME, signed()),
    served("a claim of the other", GLOBEX, signed(tenant_id=str(GLOBEX))),
    served("a claim in capitals", ACME, signed(tenant_id=str(ACME).upper())),
    served("a header that repeats it", ACME, signed(), ACME),
    served("a header that repeats it in capitals", ACME, signed(), str(ACME).upper()),
    Case("a header that contradicts it", signed(), [GLOBEX], status=403, code="TENANT_MISMATCH"),
    Case("a header of nobody's", signed(), [uuid4()], status=403, code="TENANT_MISMATCH"),
    # Memberships.
    served("a membership that is not chosen", ACME, MEMBER),
    served("a membership that is chosen", GLOBEX, MEMBER, GLOBEX),
    served("memberships without a claim", GLOBEX, signed(tenant_id=None, tenants=[str(GLOBEX)]), GLOBEX),
    Case("no choice among memberships", signed(tenant_id=None, tenants=[str(ACME), str(GLOBEX)])),
    Case("a choice beyond the memberships", MEMBER, [uuid4()], status=403, code="TENANT_MISMATCH"),
    # A header alone is nothing where tokens are verified.
    Case("nothing at all"),
    Case("a header alone", None, [ACME]),
    Case("a token without a tenant", signed(tenant_id=None)),
    Case("a token without a tenant, and a header", signed(tenant_id=None), [ACME], status=403, code="TENANT_MISMATCH"),
    # More than one header, or none that names a tenant.
    Case("two headers", signed(), [ACME, ACME], status=400, code="BAD_USER_INPUT"),
    Case("two different headers", signed(), [ACME, GLOBEX], status=400, code="BAD_USER_INPUT"),
    Case("two headers and no token", None, [ACME, GLOBEX], status=400, code="BAD_USER_INPUT"),
    Case("a list in the header", signed(), [f"{ACME},{GLOBEX}"], status=400, code="BAD_USER_INPUT"),
    Case("an empty header", signed(), [""], status=400, code="BAD_USER_INPUT"),
    Case("the nil UUID", signed(), [NIL], status=400, code="BAD_USER_INPUT"),
    Case("braces", signed(), [f"{{{ACME}}}"], status=400, code="BAD_USER_INPUT"),
    Case("no hyphens", signed(), [ACME.hex], status=400, code="BAD_USER_INPUT"),
    Case("a plus sign", signed(), ["+" + str(ACME)[1:]], status=400, code="BAD_USER_INPUT"),
    Case("a long header", signed(), ["1" * 5000], status=400, code="BAD_USER_INPUT"),
    Case("SQL in the header", signed(), ["'; DROP TABLE tb_post; --"], status=400, code="BAD_USER_INPUT"),
    # Tokens that are none.
    Case("a claim that is the nil UUID", signed(tenant_id=str(NIL))),
    Case("a claim that is a list", signed(tenant_id=[str(ACME)])),
    Case("a claim that is a number", signed(tenant_id=7)),
    Case("a claim that is an object", signed(tenant_id={"id": str(ACME)})),
    Case("a claim that is no id", signed(tenant_id="acme")),
    Case("an expired token", signed(exp=NOW - 600)),
    Case("a token without exp", signed(exp=None)),
    Case("a token that lives too long", signed(exp=NOW + 10**9)),
    Case("alg: none", unsigned()),
    Case("another secret", sign(VALID, "another-secret-that-is-just-as-long-as-ours")),
    Case("a cut token", signed()[:-2]),
    Case("no token in the header", "x"),
    Case("an empty bearer", headers=[("Authorization", "Bearer")]),
    Case("a long token", "x" * 50_000),
    Case("basic auth", headers=[("Authorization", "Basic YTpi")]),
    Case("two Authorization headers", signed(), headers=[("Authorization", f"Bearer {signed()}")]),
    Case("X-Tenant-Id beside a bad token", "x", [ACME]),
    # Tenants that are not served: all alike.
    Case("an unknown tenant", signed(tenant_id=str(uuid4())), status=403, code="TENANT_UNAVAILABLE"),
]  # fmt: skip

Ask = Callable[[Case], Awaitable[Any]]


@pytest.fixture(params=["graphql", "rest"])
def ask(request: pytest.FixtureRequest, client: Any) -> Ask:
    async def ask(case: Case) -> Any:
        headers = [*case.headers, *(("X-Tenant-ID", str(tenant)) for tenant in case.tenants)]
        if request.param == "rest":
            return await client.get("/posts?limit=100", case.token, raw_headers=headers)
        query = "{ posts(limit: 100) { title } }"
        return await client.graphql(query, case.token, raw_headers=headers)

    return ask


def titles(answer: Any) -> set[str]:
    body = answer.json()
    posts = body["data"]["posts"] if isinstance(body, dict) else body
    return {post["title"] for post in posts}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_which_tenant(ask: Ask, case: Case, watch: Any) -> None:
    if case.status == 200:
        before = await watch.statements()
        answer = await ask(case)
        assert answer.status_code == 200
        assert titles(answer) == {post.title for post in blog_of(case.tenant).posts}
        assert await watch.statements() != before
        return
    if case.code == "TENANT_UNAVAILABLE":
        answer = await ask(case)  # the tenants table is asked
    else:
        async with watch.nothing_sent():
            answer = await ask(case)
    assert answer.status_code == case.status
    assert answer.headers["cache-control"] == "no-store"
    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] == case.code
    assert set(answer.json()) == {"errors"}
    if case.status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


NO_TENANT = [case for case in CASES if case.name in (
    "nothing at all", "a header alone", "a token without a tenant", "no choice among memberships"
)]  # fmt: skip


@pytest.mark.parametrize("case", NO_TENANT, ids=lambda case: case.name)
async def test_the_body_without_a_tenant_is_exact(ask: Ask, case: Case) -> None:
    answer = await ask(case)
    assert (answer.status_code, answer.json()) == (401, MISSING)


async def test_tenants_that_are_not_served_look_the_same(
    ask: Ask, tenancy: Any, watch: Any
) -> None:
    bodies = set[str]()
    try:
        for status in ("suspended", "archived", "provisioning", "deleting"):
            await watch.set_status(GLOBEX, status)
            tenancy.registry.forget()
            answer = await ask(Case(status, signed(tenant_id=str(GLOBEX))))
            assert answer.status_code == 403
            bodies.add(answer.text)
        answer = await ask(Case("unknown", signed(tenant_id=str(uuid4()))))
        bodies.add(answer.text)
        # The other tenant is served meanwhile.
        assert titles(await ask(served("acme", ACME, signed())))
    finally:
        await watch.set_status(GLOBEX, "active")
        tenancy.registry.forget()
    assert len(bodies) == 1
    assert "TENANT_UNAVAILABLE" in bodies.pop()
    assert titles(await ask(served("again", GLOBEX, signed(tenant_id=str(GLOBEX)))))


# --- Without authentication, the header alone --------------------------------------------------------


@pytest.fixture(scope="module")
async def open_client(
    blog: Urls, make_tenancy: Any, serve: Any, blog_app: Any, fast_lane: bool
) -> AsyncIterator[Any]:
    tenancy = make_tenancy(blog, env={"JWT_SECRET": None}, graphql={"fast_lane": fast_lane})
    async with serve(blog_app(tenancy)) as client:
        yield client


OPEN = [
    served("the header", ACME, "", ACME),
    served("the header, and a token that says nothing", GLOBEX, signed(), GLOBEX),
    Case("no header"),
    Case("two headers", None, [ACME, GLOBEX], status=400, code="BAD_USER_INPUT"),
    Case("the nil UUID", None, [NIL], status=400, code="BAD_USER_INPUT"),
    Case("a token alone", signed()),
]


@pytest.mark.parametrize("case", OPEN, ids=lambda case: case.name)
async def test_a_header_alone_counts_without_auth(open_client: Any, case: Case) -> None:
    headers = [("X-Tenant-ID", str(tenant)) for tenant in case.tenants]
    query = "{ posts(limit: 100) { title } }"
    for answer in (
        await open_client.graphql(query, case.token or None, raw_headers=headers),
        await open_client.get("/posts?limit=100", case.token or None, raw_headers=headers),
    ):
        assert answer.status_code == case.status
        if case.tenant is None:
            assert answer.json()["errors"][0]["extensions"]["code"] == case.code
        else:
            assert titles(answer) == {post.title for post in blog_of(case.tenant).posts}

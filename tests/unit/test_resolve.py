"""Which tenant: the whole decision table, and properties that hold beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraiseql_strawberry.auth import Claims, InvalidToken, TokenRules
from fraiseql_strawberry.errors import BadUserInput, TenancyError, TenantMismatch
from fraiseql_strawberry.resolve import (
    Resolved,
    TenantRules,
    header_values,
    resolve_tenant,
)
from fraiseql_strawberry.tenant import canonical_tenant_id

A = "aaaaaaaa-1111-4111-8111-111111111111"
B = "bbbbbbbb-2222-4222-8222-222222222222"
C = "cccccccc-3333-4333-8333-333333333333"
NIL = "00000000-0000-0000-0000-000000000000"

AUTH = TenantRules()
NO_AUTH = TenantRules(auth_configured=False)
NO_AUTH_PRODUCTION = TenantRules(auth_configured=False, production=True)
GATEWAY = TenantRules(auth_configured=False, production=True, trust_header=True)
GATEWAY_AND_AUTH = TenantRules(auth_configured=True, production=True, trust_header=True)
EVERY_RULE = [AUTH, NO_AUTH, NO_AUTH_PRODUCTION, GATEWAY, GATEWAY_AND_AUTH]


def verified(**members: Any) -> Claims:
    return Claims.read({"exp": 1_800_000_000, **members}, TokenRules())


def decide(
    claims: Claims | None, headers: Sequence[bytes | str], rules: TenantRules = AUTH
) -> Resolved:
    return resolve_tenant(claims=claims, header_values=headers, rules=rules)


# --- With a token: the same under every rule ---------------------------------------------------

TOKEN_TABLE: list[tuple[dict[str, Any], list[bytes], Resolved | type[TenancyError]]] = [
    # claims                             headers               outcome
    ({"tenant_id": A},                   [],                   Resolved(A, "claim")),
    ({"tenant_id": A},                   [A.encode()],         Resolved(A, "claim")),
    ({"tenant_id": A},                   [A.upper().encode()], Resolved(A, "claim")),
    ({"tenant_id": A.upper()},           [A.encode()],         Resolved(A, "claim")),
    ({"tenant_id": A},                   [B.encode()],         TenantMismatch),
    ({"tenant_id": A},                   [b"acme"],            BadUserInput),
    ({"tenant_id": A},                   [A.encode()] * 2,     BadUserInput),
    ({"tenant_id": A, "tenants": [B]},   [],                   Resolved(A, "claim")),
    ({"tenant_id": A, "tenants": [B]},   [A.encode()],         Resolved(A, "claim")),
    ({"tenant_id": A, "tenants": [B]},   [B.encode()],         Resolved(B, "header")),
    ({"tenant_id": A, "tenants": [B]},   [C.encode()],         TenantMismatch),
    ({"tenant_id": A, "tenants": [A]},   [B.encode()],         TenantMismatch),
    ({"tenants": [A, B]},                [],                   Resolved(None, "none")),
    ({"tenants": [A]},                   [],                   Resolved(None, "none")),
    ({"tenants": [A, B.upper()]},        [B.encode()],         Resolved(B, "header")),
    ({"tenants": [A, B]},                [C.encode()],         TenantMismatch),
    ({"tenants": [A, B]},                [b"acme"],            BadUserInput),
    ({"tenants": []},                    [A.encode()],         TenantMismatch),
    ({"tenants": ["acme", A]},           [A.encode()],         Resolved(A, "header")),
    ({"tenants": ["acme", NIL]},         [A.encode()],         TenantMismatch),
    ({},                                 [],                   Resolved(None, "none")),
    ({},                                 [A.encode()],         TenantMismatch),
    ({},                                 [A.encode()] * 2,     BadUserInput),
    ({"tenant_id": None},                [],                   Resolved(None, "none")),
    ({"tenant_id": None},                [A.encode()],         TenantMismatch),
    ({"tenant_id": ""},                  [],                   InvalidToken),
    ({"tenant_id": "acme"},              [],                   InvalidToken),
    ({"tenant_id": "acme"},              [A.encode()],         InvalidToken),
    ({"tenant_id": "acme"},              [b"acme"],            InvalidToken),
    ({"tenant_id": "acme"},              [A.encode()] * 2,     InvalidToken),
    ({"tenant_id": NIL},                 [],                   InvalidToken),
    ({"tenant_id": A + "\n"},            [],                   InvalidToken),
    ({"tenant_id": f"{A},{B}"},          [B.encode()],         InvalidToken),
    ({"tenant_id": "acme", "tenants": [A]}, [A.encode()],      InvalidToken),
]  # fmt: skip


@pytest.mark.parametrize("rules", EVERY_RULE)
@pytest.mark.parametrize(("members", "headers", "outcome"), TOKEN_TABLE)
def test_with_a_token(
    members: dict[str, Any],
    headers: list[bytes],
    outcome: Resolved | type[TenancyError],
    rules: TenantRules,
) -> None:
    if isinstance(outcome, Resolved):
        assert decide(verified(**members), headers, rules) == outcome
    else:
        with pytest.raises(outcome):
            decide(verified(**members), headers, rules)


# --- Without a token ---------------------------------------------------------------------------


@pytest.mark.parametrize("claims", [None, Claims()])
@pytest.mark.parametrize(
    ("rules", "counts"),
    [
        (AUTH, False),
        (NO_AUTH, True),
        (NO_AUTH_PRODUCTION, False),
        (GATEWAY, True),
        (GATEWAY_AND_AUTH, False),
    ],
)
def test_without_a_token(claims: Claims | None, rules: TenantRules, counts: bool) -> None:
    assert decide(claims, [], rules) == Resolved(None, "none")
    expected = Resolved(A, "header") if counts else Resolved(None, "none")
    assert decide(claims, [A.upper().encode()], rules) == expected
    for headers in ([A.encode(), A.encode()], [A.encode(), b""], [b"acme"], [b""]):
        with pytest.raises(BadUserInput):
            decide(claims, headers, rules)


def test_the_defaults_trust_no_header() -> None:
    assert not TenantRules().header_alone


# --- The header's form -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"acme",
        NIL.encode(),
        A.replace("-", "").encode(),
        b"{" + A.encode() + b"}",
        A.encode() + b"\n",
        A.encode() + b"\0",
        A.encode() + b"," + B.encode(),
        A.encode() + b", " + A.encode(),
        A.replace("1", "\uff11").encode(),
        b"\xff\xfe",
        b" " * 64 + A.encode(),
        b"a" * 1_000_000,
        A.replace("1", "\uff11"),
        "",
    ],
)
def test_a_malformed_header_is_a_400_that_names_the_form_and_echoes_nothing(
    value: bytes | str,
) -> None:
    with pytest.raises(BadUserInput) as caught:
        decide(None, [value], NO_AUTH)
    error = caught.value
    assert (error.status, error.code) == (400, "BAD_USER_INPUT")
    assert error.message == (
        "X-Tenant-ID must be a hyphenated UUID such as 11111111-1111-4111-8111-111111111111"
    )
    assert error.extensions == {"code": "BAD_USER_INPUT", "argument": "X-Tenant-ID"}


def test_two_headers_are_a_400_that_says_so() -> None:
    rules = TenantRules(header="X-Customer", auth_configured=False)
    with pytest.raises(BadUserInput, match="Send exactly one X-Customer header"):
        decide(None, [A.encode(), B.encode()], rules)


@pytest.mark.parametrize("value", [A, A.encode(), b" " + A.encode() + b"\t", f"\t{A} "])
def test_white_space_around_a_header_is_not_part_of_it(value: bytes | str) -> None:
    assert decide(None, [value], NO_AUTH) == Resolved(A, "header")


def test_slugs_are_one_form_and_uuids_another() -> None:
    rules = TenantRules(id_type="slug", auth_configured=False)
    assert decide(None, [b"acme-eu"], rules) == Resolved("acme-eu", "header")
    assert decide(verified(tenant_id="acme"), [b"acme"], rules) == Resolved("acme", "claim")
    with pytest.raises(BadUserInput, match="a-z"):
        decide(None, [b"ACME"], rules)
    with pytest.raises(InvalidToken):
        decide(verified(tenant_id="Acme"), [], rules)
    assert decide(None, [b"a" * 55], rules) == Resolved("a" * 55, "header")
    with pytest.raises(BadUserInput):
        decide(None, [b"a" * 56], rules)


def test_a_mismatch_tells_the_client_nothing_of_the_tenants() -> None:
    with pytest.raises(TenantMismatch) as caught:
        decide(verified(tenant_id=A, tenants=[B]), [C.encode()])
    assert (caught.value.status, caught.value.code) == (403, "TENANT_MISMATCH")
    for tenant_id in (A, B, C):
        assert tenant_id not in str(caught.value) + str(caught.value.body())


def test_a_malformed_claim_reads_like_any_invalid_token() -> None:
    with pytest.raises(InvalidToken) as caught:
        decide(verified(tenant_id="acme"), [])
    assert caught.value.message == "Invalid or expired token"
    assert "acme" not in str(caught.value)


# --- Properties ----------------------------------------------------------------------------------

_ids = st.sampled_from(
    [A, A.upper(), B, C, NIL, "acme", "", A + "\n", f" {A}", "é", A[:-1] + "\uff11"]
)
_claims = st.none() | st.builds(
    lambda members: verified(**members),
    st.fixed_dictionaries({}, optional={"tenant_id": _ids | st.none(), "tenants": st.lists(_ids)}),
)
_headers = st.lists(_ids | _ids.map(str.encode) | st.binary(max_size=70), max_size=2)
_rules = st.builds(
    TenantRules,
    id_type=st.sampled_from(["uuid", "slug"]),
    auth_configured=st.booleans(),
    production=st.booleans(),
    trust_header=st.booleans(),
)


@given(claims=_claims, headers=_headers, rules=_rules)
def test_a_tenant_is_one_that_the_claim_or_an_allowed_header_named(
    claims: Claims | None, headers: list[bytes | str], rules: TenantRules
) -> None:
    try:
        resolved = decide(claims, headers, rules)
    except (InvalidToken, BadUserInput, TenantMismatch):
        return
    assert (resolved.tenant_id is None) == (resolved.source == "none")
    if resolved.tenant_id is None:
        return
    assert canonical_tenant_id(resolved.tenant_id, rules.id_type) == resolved.tenant_id
    if claims is None:
        assert not rules.auth_configured
        assert rules.trust_header or not rules.production
        assert resolved.source == "header"
    else:
        named = {canonical_tenant_id(claims.tenant_id, rules.id_type)}
        if resolved.source == "header":
            named = {canonical_tenant_id(entry, rules.id_type) for entry in claims.tenants}
        assert resolved.tenant_id in named
    if headers:
        (header,) = headers
        shown = header.decode("ascii") if isinstance(header, bytes) else header
        assert canonical_tenant_id(shown.strip(" \t"), rules.id_type) == resolved.tenant_id


@given(claims=_claims.filter(lambda claims: claims is not None), headers=_headers, one=_rules)
def test_with_a_token_the_deployment_s_header_rules_change_nothing(
    claims: Claims, headers: list[bytes | str], one: TenantRules
) -> None:
    def outcome(rules: TenantRules) -> object:
        try:
            return decide(claims, headers, rules)
        except TenancyError as error:
            return error.code, error.message

    assert outcome(one) == outcome(TenantRules(id_type=one.id_type))


@given(headers=_headers, production=st.booleans(), trust_header=st.booleans())
def test_where_auth_is_configured_no_header_makes_up_for_a_token(
    headers: list[bytes | str], production: bool, trust_header: bool
) -> None:
    rules = TenantRules(production=production, trust_header=trust_header)
    try:
        assert decide(None, headers, rules).tenant_id is None
    except BadUserInput:
        assert headers


def test_header_values_finds_every_spelling() -> None:
    headers = [
        (b"host", b"x"),
        (b"x-tenant-id", b"one"),
        (b"X-Tenant-ID", b"two"),
        (b"x-tenant-idx", b"no"),
    ]
    assert header_values(headers, b"x-tenant-id") == [b"one", b"two"]
    assert header_values(headers, b"absent") == []

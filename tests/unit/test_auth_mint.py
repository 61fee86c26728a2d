"""Development tokens are ordinary tokens: the verifier reads back what was minted."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraiseql_strawberry.auth import (
    InvalidToken,
    StaticKeys,
    TokenRules,
    TokenVerifier,
    mint_token,
    sign,
)
from fraiseql_strawberry.errors import ConfigError

SECRET = "a-secret-of-more-than-32-bytes-for-tests"


def verifier(**rules: Any) -> TokenVerifier:
    chosen = TokenRules(**rules)
    return TokenVerifier(chosen, StaticKeys(algorithms=chosen.algorithms, secrets=[SECRET]))


async def test_a_minted_token_verifies() -> None:
    token = mint_token(SECRET, tenant="acme", user="anna", scopes=["a", "b"], tenants=["globex"])
    claims = await verifier().verify(token)
    assert claims.tenant_id == "acme"
    assert claims.user_id == "anna"
    assert claims.scopes == {"a", "b"}
    assert claims.tenants == ("globex",)
    assert claims.expires_at == pytest.approx(time.time() + 3_600, abs=5)


async def test_what_is_not_given_is_not_in_the_token() -> None:
    claims = await verifier().verify(mint_token(SECRET, tenant=None, user=None))
    assert set(claims) == {"iat", "exp"}


async def test_claims_stand_where_they_are_asked_for() -> None:
    names = {
        "tenant_claim": "app_metadata.tenant_id",
        "tenants_claim": "app_metadata.tenants",
        "user_claim": "user.id",
        "scope_claim": "https://example.com/scopes",
    }
    token = mint_token(SECRET, tenant="a", user="u", scopes=["s"], tenants=["b"], **names)
    claims = await verifier(**names).verify(token)
    assert (claims.tenant_id, claims.user_id, claims.tenants) == ("a", "u", ("b",))
    assert claims.scopes == {"s"}
    assert claims["app_metadata"] == {"tenant_id": "a", "tenants": ["b"]}


async def test_issuer_and_audience_are_put_in() -> None:
    token = mint_token(SECRET, tenant="a", issuer="https://issuer", audience="blog")
    await verifier(issuer="https://issuer", audience="blog").verify(token)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_every_hmac_algorithm_signs(algorithm: str) -> None:
    token = mint_token(SECRET, tenant="a", algorithm=algorithm)
    assert (await verifier(algorithms=(algorithm,)).verify(token)).tenant_id == "a"


async def test_a_negative_lifetime_gives_an_expired_token() -> None:
    with pytest.raises(InvalidToken, match="expired"):
        await verifier().verify(mint_token(SECRET, tenant="a", lifetime=-31))


@pytest.mark.parametrize("algorithm", ["none", "RS256", "ES256", "HS1", ""])
def test_only_a_secret_s_algorithms_sign(algorithm: str) -> None:
    with pytest.raises(ConfigError, match="HS256"):
        sign({"tenant_id": "a"}, SECRET, algorithm=algorithm)


def test_an_empty_secret_signs_nothing() -> None:
    with pytest.raises(ConfigError):
        sign({}, "")


@given(
    tenant=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
)
async def test_any_text_survives_the_way_through_a_token(tenant: str) -> None:
    claims = await verifier().verify(mint_token(SECRET, tenant=tenant))
    assert claims.tenant_id == tenant

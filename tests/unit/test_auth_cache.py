"""The token cache: bounded, least recently used first, nothing beyond its expiry."""

from __future__ import annotations

import pytest

from fraiseql_strawberry.auth import Claims
from fraiseql_strawberry.auth.cache import TokenCache


def claims(expires_at: float | None = 100.0) -> Claims:
    return Claims(tenant_id="acme", expires_at=expires_at)


def test_a_verified_token_is_found_until_it_expires() -> None:
    cache, kept = TokenCache(10, leeway=5), claims(100.0)
    cache.put("token", kept)
    assert cache.get("token", 99.0) is kept
    assert cache.get("token", 104.9) is kept
    assert cache.get("token", 105.0) is None
    assert len(cache) == 0
    assert cache.get("token", 99.0) is None


@pytest.mark.parametrize("other", ["", "toke", "token ", "Token", "tokenx"])
def test_another_token_is_never_found(other: str) -> None:
    cache = TokenCache(10, leeway=0)
    cache.put("token", claims())
    assert cache.get(other, 0.0) is None


def test_the_least_recently_used_token_goes_first() -> None:
    cache = TokenCache(2, leeway=0)
    cache.put("a", claims())
    cache.put("b", claims())
    assert cache.get("a", 0.0) is not None
    cache.put("c", claims())
    assert cache.get("b", 0.0) is None
    assert cache.get("a", 0.0) is not None
    assert cache.get("c", 0.0) is not None


def test_it_never_grows_beyond_its_size() -> None:
    cache = TokenCache(16, leeway=0)
    for number in range(1_000):
        cache.put(f"token-{number}", claims())
        assert len(cache) <= 16


def test_claims_that_never_expire_are_not_kept() -> None:
    cache = TokenCache(10, leeway=0)
    cache.put("token", claims(None))
    assert len(cache) == 0


def test_clear_forgets_all() -> None:
    cache = TokenCache(10, leeway=0)
    cache.put("token", claims())
    cache.clear()
    assert cache.get("token", 0.0) is None


def test_its_repr_shows_no_token() -> None:
    cache = TokenCache(10, leeway=0)
    cache.put("secret-token", claims())
    assert "secret-token" not in repr(cache)

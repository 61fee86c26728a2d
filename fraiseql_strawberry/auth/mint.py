"""Tokens for development, demos and tests; real ones come from an identity provider."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, cast

from joserfc import jwt

from ..errors import ConfigError
from .algorithms import WITH_SECRET, PinnedAlgorithms
from .keys import secret_key

__all__ = ["mint_token", "sign"]


def sign(claims: Mapping[str, Any], secret: str, *, algorithm: str = "HS256") -> str:
    """Sign claims as they are with a secret.

    Args:
        claims: The payload; nothing is added and nothing is checked.
        secret: The HMAC secret.
        algorithm: HS256, HS384 or HS512.

    Raises:
        ConfigError: When the secret is empty or is no secret, or signs no such algorithm.
    """
    if algorithm not in WITH_SECRET:
        raise ConfigError(
            f"a secret cannot sign {algorithm!r}", hint=f"Use one of {', '.join(WITH_SECRET)}"
        )
    registry = PinnedAlgorithms((algorithm,), 8_192)
    return jwt.encode({"alg": algorithm}, dict(claims), secret_key(secret), registry=registry)


def mint_token(
    secret: str,
    *,
    tenant: str | None,
    user: str | None = "developer",
    scopes: Iterable[str] = (),
    tenants: Iterable[str] = (),
    lifetime: int = 3_600,
    tenant_claim: str = "tenant_id",
    tenants_claim: str = "tenants",
    user_claim: str = "sub",
    scope_claim: str = "scope",
    issuer: str | None = None,
    audience: str | None = None,
    algorithm: str = "HS256",
    now: float | None = None,
) -> str:
    """Mint a development token that names a tenant.

    Args:
        secret: The HMAC secret, `JWT_SECRET` of the service.
        tenant: The tenant's id, or None for a token without one.
        user: The user's id, or None for a token without one.
        scopes: What the token allows.
        tenants: Further tenants that the user belongs to.
        lifetime: Seconds until it expires; negative for one that has expired.
        tenant_claim: Where the tenant stands; a dotted path makes nested objects.
        tenants_claim: Where the memberships stand.
        user_claim: Where the user stands.
        scope_claim: Where the scopes stand.
        issuer: The `iss` claim, where the service asks for one.
        audience: The `aud` claim, where the service asks for one.
        algorithm: HS256, HS384 or HS512.
        now: When it is issued, in seconds since 1970; the present without one.

    Returns:
        The token, to be sent as `Authorization: Bearer <token>`.
    """
    issued_at = int(time.time() if now is None else now)
    claims: dict[str, Any] = {"iat": issued_at, "exp": issued_at + lifetime}
    scope, memberships = " ".join(scopes), list(tenants)
    for path, value in (
        (user_claim, user),
        (tenant_claim, tenant),
        (tenants_claim, memberships or None),
        (scope_claim, scope or None),
        ("iss", issuer),
        ("aud", audience),
    ):
        if value is not None:
            _put(claims, path, value)
    return sign(claims, secret, algorithm=algorithm)


def _put(claims: dict[str, Any], path: str, value: object) -> None:
    *outer, last = path.split(".")
    inside = claims
    for name in outer:
        inside = cast("dict[str, Any]", inside.setdefault(name, {}))
    inside[last] = value

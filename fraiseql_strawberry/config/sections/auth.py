"""How tokens are verified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..rules import choice, many, matching, whole, words
from ..secret import Secret
from ..secret_rules import issuer_url, secret_text, web_url

__all__ = ["ALGORITHMS", "Auth"]

ALGORITHMS = (
    *("HS256", "HS384", "HS512"),
    *("RS256", "RS384", "RS512", "ES256", "ES384", "ES512"),
    *("PS256", "PS384", "PS512", "EdDSA"),
)

_claim = matching(
    r"[^\x00-\x20\x7f.]+(?:\.[^\x00-\x20\x7f.]+)*", "the name of a claim, or a dotted path to one"
)
_algorithm = choice(
    *ALGORITHMS, refused={"none": "An unsigned token proves nothing about its bearer"}
)


@dataclass(frozen=True, slots=True)
class Auth:
    """`[auth]`: how tokens are verified; `leeway` and `max_lifetime` are in seconds."""

    secret: Annotated[Secret | None, secret_text] = None
    secrets: Annotated[tuple[Secret, ...], many(secret_text)] = ()
    public_key: Annotated[
        str | None, matching(r"(?s:.{1,65536})", "a PEM public key or the path of one")
    ] = None
    jwks_url: Annotated[str | None, web_url] = None
    issuers: Annotated[tuple[str, ...], many(issuer_url)] = ()
    algorithms: Annotated[tuple[str, ...], many(_algorithm)] = ("HS256",)
    issuer: Annotated[str | None, words()] = None
    audience: Annotated[tuple[str, ...], many(words(), or_one=True)] = ()
    leeway: Annotated[int, whole(0, 600)] = 30
    max_lifetime: Annotated[int, whole(1, 315_360_000)] = 86_400
    tenant_claim: Annotated[str, _claim] = "tenant_id"
    tenants_claim: Annotated[str, _claim] = "tenants"
    user_claim: Annotated[str, _claim] = "sub"
    scope_claim: Annotated[str, _claim] = "scope"
    admin_scopes: Annotated[tuple[str, ...], many(words())] = ("admin:tenants",)

    @property
    def enabled(self) -> bool:
        """Whether there is a key to verify tokens with."""
        return bool(self.verifying_secrets or self.by_public_keys)

    @property
    def by_public_keys(self) -> bool:
        """Whether tokens are verified with keys that nobody can sign with."""
        return bool(self.public_key or self.jwks_url or self.issuers)

    @property
    def verifying_secrets(self) -> tuple[Secret, ...]:
        """Every HMAC secret that a token may be signed with."""
        return self.secrets or ((self.secret,) if self.secret else ())

    @property
    def signing_secret(self) -> Secret | None:
        """The HMAC secret that new tokens are signed with: the first one."""
        return self.verifying_secrets[0] if self.verifying_secrets else None

"""What a token has to fulfil, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConfigError
from .algorithms import SUPPORTED

__all__ = ["TokenRules"]


@dataclass(frozen=True, slots=True)
class TokenRules:
    """The rules of `[auth]` that a token is checked against.

    Args:
        algorithms: The signature algorithms that are accepted; the token's header chooses
            among these and no others.
        issuer: The `iss` that a token must have, where set.
        audience: The `aud` that a token must have or list, or several of which one suffices.
            Where none is set, a token that names an audience is refused (RFC 7519, section 4.1.3).
        leeway: Seconds by which clocks may differ.
        max_lifetime: Seconds between `iat` (or now, without one) and `exp` at most.
        max_token_bytes: The longest token that is looked at.
        tenant_claim: Where the tenant's id stands; a dotted path may be used.
        tenants_claim: Where the list of the caller's memberships stands.
        user_claim: Where the user's id stands.
        scope_claim: Where the scopes stand: a string with spaces, or a list of strings.

    Raises:
        ConfigError: When no token could fulfil the rules, or any could.
    """

    algorithms: tuple[str, ...] = ("HS256",)
    issuer: str | None = None
    audience: str | tuple[str, ...] | None = None
    leeway: int = 30
    max_lifetime: int = 86_400
    max_token_bytes: int = 8_192
    tenant_claim: str = "tenant_id"
    tenants_claim: str = "tenants"
    user_claim: str = "sub"
    scope_claim: str = "scope"

    @property
    def audiences(self) -> tuple[str, ...]:
        """The accepted audiences; none where tokens must not name one."""
        if isinstance(self.audience, tuple):
            return self.audience
        return (self.audience,) if self.audience else ()

    def __post_init__(self) -> None:
        unknown = [name for name in self.algorithms if name not in SUPPORTED]
        if unknown or not self.algorithms:
            raise ConfigError(
                f"[auth] algorithms cannot be {list(self.algorithms)}",
                hint=f"Choose among {', '.join(SUPPORTED)}",
            )
        if self.leeway < 0:
            raise ConfigError("[auth] leeway cannot be negative", hint="30 (seconds) is usual")
        if self.max_lifetime <= 0:
            raise ConfigError("[auth] max_lifetime must be positive", hint="86400 is one day")

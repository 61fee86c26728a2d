"""From `[auth]` to a verifier of tokens."""

from __future__ import annotations

from dataclasses import replace

from .auth import (
    IssuerVerifiers,
    KeySource,
    RemoteKeys,
    StaticKeys,
    TokenRules,
    TokenVerifier,
    Verifier,
    discovered_keys,
)
from .config import Config

__all__ = ["build_verifier"]


def build_verifier(config: Config) -> Verifier | None:
    """The verifier that the configuration describes; None where no auth is configured.

    Raises:
        ConfigError: When keys and algorithms do not fit together.
    """
    auth = config.auth
    if not auth.enabled:
        return None
    rules = TokenRules(
        algorithms=auth.algorithms,
        issuer=auth.issuer,
        audience=auth.audience or None,
        leeway=auth.leeway,
        max_lifetime=auth.max_lifetime,
        tenant_claim=auth.tenant_claim,
        tenants_claim=auth.tenants_claim,
        user_claim=auth.user_claim,
        scope_claim=auth.scope_claim,
    )
    if auth.issuers:
        return IssuerVerifiers(
            {
                issuer: TokenVerifier(
                    replace(rules, issuer=issuer), discovered_keys(issuer, auth.algorithms)
                )
                for issuer in auth.issuers
            },
            max_token_bytes=rules.max_token_bytes,
        )
    return TokenVerifier(rules, _keys(config))


def _keys(config: Config) -> KeySource:
    auth = config.auth
    if auth.jwks_url is not None:
        return RemoteKeys(auth.jwks_url, auth.algorithms)
    return StaticKeys(
        algorithms=auth.algorithms,
        secrets=[secret.reveal() for secret in auth.verifying_secrets],
        public_key=auth.public_key,
        production=config.production,
    )

"""From `[auth]` to a verifier of tokens."""

from __future__ import annotations

from .auth import KeySource, RemoteKeys, StaticKeys, TokenRules, TokenVerifier
from .config import Config

__all__ = ["build_verifier"]


def build_verifier(config: Config) -> TokenVerifier | None:
    """The verifier that the configuration describes; None where no auth is configured.

    Raises:
        ConfigError: When keys and algorithms do not fit together.
    """
    auth = config.auth
    if not auth.enabled:
        return None
    keys: KeySource
    if auth.jwks_url is not None:
        keys = RemoteKeys(auth.jwks_url, auth.algorithms)
    else:
        keys = StaticKeys(
            algorithms=auth.algorithms,
            secrets=[secret.reveal() for secret in auth.verifying_secrets],
            public_key=auth.public_key,
            production=config.production,
        )
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
    return TokenVerifier(rules, keys)

"""Who is asking: the token and the tenant header of a request."""

from __future__ import annotations

from collections.abc import Sequence

from ..auth import Claims, Verifier, bearer_token
from ..config import Config
from ..resolve import Resolved, TenantRules, header_values, resolve_tenant
from ..verification import build_verifier

__all__ = ["CallerReader", "Headers"]

Headers = Sequence[tuple[bytes, bytes]]


class CallerReader:
    """Reads the caller of a request out of its headers.

    Args:
        config: The validated configuration.
    """

    def __init__(self, config: Config) -> None:
        multitenancy = config.multitenancy
        self.verifier: Verifier | None = build_verifier(config)
        self.rules = TenantRules(
            header=multitenancy.tenant_header,
            id_type=multitenancy.id_type,
            auth_configured=self.verifier is not None,
            production=config.production,
            trust_header=multitenancy.trust_header,
        )
        self._header = multitenancy.tenant_header.lower().encode("ascii")

    async def claims(self, headers: Headers) -> Claims:
        """What the token says; nothing, where there is none.

        Raises:
            Unauthorized: When the token is invalid.
        """
        token = bearer_token(headers)
        if token is None:
            return Claims()
        if self.verifier is None:
            return Claims()  # no auth is configured, so a token says nothing
        return self.verifier.verify_cached(token) or await self.verifier.verify(token)

    def tenant(self, claims: Claims, headers: Headers) -> Resolved:
        """The tenant that claims and header come to.

        Raises:
            TenantMismatch: When header and token disagree.
            BadUserInput: When the tenant header is malformed.
        """
        return resolve_tenant(
            claims=claims,
            header_values=header_values(headers, self._header),
            rules=self.rules,
        )

"""Several issuers: which one a token says it is from decides whose keys it is held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from .claims import Claims
from .refusal import InvalidToken
from .verifier import TokenVerifier, read_segment

__all__ = ["IssuerVerifiers", "Verifier"]


class Verifier(Protocol):
    """Verifies tokens, and remembers the good ones."""

    def verify_cached(self, token: str) -> Claims | None:
        """The claims of a token seen before, without waiting; None says "ask `verify`"."""
        ...

    async def verify(self, token: str) -> Claims:
        """The claims of a token.

        Raises:
            InvalidToken: Whatever is wrong.
            ServiceUnavailable: When its keys cannot be reached.
        """
        ...


class IssuerVerifiers:
    """A verifier for each issuer, with keys of its own.

    What a token says of itself chooses among these and no others; the chosen one then checks `iss`
    with everything else. So a token of issuer A is never held against B's keys.

    Args:
        verifiers: By issuer; each demands its issuer.
        max_token_bytes: The longest token that is looked at.
    """

    def __init__(
        self, verifiers: Mapping[str, TokenVerifier], *, max_token_bytes: int = 8_192
    ) -> None:
        self._verifiers = dict(verifiers)
        self._max_token_bytes = max_token_bytes

    def verify_cached(self, token: str) -> Claims | None:
        """The claims of a token seen before (see `Verifier`)."""
        for verifier in self._verifiers.values():
            claims = verifier.verify_cached(token)
            if claims is not None:
                return claims
        return None

    async def verify(self, token: str) -> Claims:
        """The claims of a token (see `Verifier`)."""
        verifier = self._verifiers.get(self._issuer(token))
        if verifier is None:
            raise InvalidToken(hint="its issuer is none of [auth] issuers")
        return await verifier.verify(token)

    def _issuer(self, token: str) -> str:
        if len(token) > self._max_token_bytes:
            raise InvalidToken(hint=f"the token exceeds {self._max_token_bytes} bytes")
        issuer: Any = None
        try:
            issuer = read_segment(token, 1).get("iss")
        except Exception as error:  # noqa: BLE001 - hostile input makes parsers fail in every way
            reason = type(error).__name__
        else:
            reason = "invalid_claim: iss"
        if isinstance(issuer, str):
            return issuer
        raise InvalidToken(hint=reason)

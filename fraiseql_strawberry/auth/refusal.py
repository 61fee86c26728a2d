"""The one answer to every token that cannot be trusted."""

from __future__ import annotations

from ..errors import Unauthorized

__all__ = ["InvalidToken"]


class InvalidToken(Unauthorized):
    """The token is malformed, forged, expired or not meant for this service.

    The client always reads the same sentence, so it cannot find out by trial which check
    failed. The reason stands in `hint`, for the log, and never quotes the token.
    """

    default_message = "Invalid or expired token"

    @property
    def headers(self) -> dict[str, str]:
        """The challenge that tells a client to fetch a new token (RFC 6750, section 3.1)."""
        return {"WWW-Authenticate": 'Bearer error="invalid_token"'}

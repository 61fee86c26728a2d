"""The token out of raw ASGI headers."""

from __future__ import annotations

from collections.abc import Iterable

from .refusal import InvalidToken

__all__ = ["bearer_token"]


def bearer_token(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Take the token from the one `Authorization: Bearer …` header (RFC 6750, section 2.1).

    Args:
        headers: `scope["headers"]` of an ASGI request.

    Returns:
        The token, unverified, or None when there is no Authorization header.

    Raises:
        InvalidToken: For two headers, another scheme than Bearer, or no token after it.
    """
    found: bytes | None = None
    for name, value in headers:
        if len(name) == 13 and name.lower() == b"authorization":
            if found is not None:
                # Two would let a proxy check one and us another (SECURITY.md, HTTP row).
                raise InvalidToken(hint="there are two Authorization headers")
            found = value
    if found is None:
        return None
    scheme, _, rest = found.partition(b" ")
    if scheme.lower() != b"bearer":
        raise InvalidToken(hint="the Authorization scheme is not Bearer")
    token = rest.strip(b" ")
    if not token or not token.isascii():
        raise InvalidToken(hint="no readable token follows Bearer")
    return token.decode("ascii")

"""Tokens that were verified, for as long as they and the keys last."""

from __future__ import annotations

from collections import OrderedDict

from .claims import Claims

__all__ = ["TokenCache"]


class TokenCache:
    """A bounded LRU of verified tokens.

    Only verified tokens come in, so a flood of forged ones pushes nobody out. The token itself
    is the key: a digest of it would cost more than the rest of a hit.

    Args:
        size: How many tokens are kept.
        leeway: Seconds for which a token is still served after its `exp`.
    """

    __slots__ = ("_entries", "_leeway", "_size")

    def __init__(self, size: int, leeway: int) -> None:
        self._entries: OrderedDict[str, tuple[Claims, float]] = OrderedDict()
        self._size = size
        self._leeway = leeway

    def get(self, token: str, now: float) -> Claims | None:
        """The claims of a token that is still good at `now` (seconds since 1970), or None."""
        entry = self._entries.get(token)
        if entry is None:
            return None
        claims, deadline = entry
        if now >= deadline:
            self._entries.pop(token, None)
            return None
        try:
            self._entries.move_to_end(token)
        except KeyError:
            return None  # another thread dropped it meanwhile: it is verified again
        return claims

    def put(self, token: str, claims: Claims) -> None:
        """Keep a verified token; the one unused for longest goes when there is no room."""
        if claims.expires_at is None:
            return
        self._entries[token] = claims, claims.expires_at + self._leeway
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget all, because the keys changed."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"TokenCache(size={self._size}, used={len(self)})"

"""The verified content of a token, read-only, with the few claims that tenancy needs typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, cast

from .refusal import InvalidToken
from .rules import TokenRules

__all__ = ["Claims"]

# Deep JSON ends in a RecursionError, in the parser or later in whoever walks it (SECURITY.md,
# joserfc row). No identity provider nests claims more than a few levels.
_MAX_DEPTH = 32


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Claims(Mapping[str, Any]):
    """A read-only mapping of all claims; `Claims()` is the empty one of a request without token.

    One object serves every request with the same token, so nothing in it can be changed: an
    object or a list comes out as a fresh copy, and changing that changes nothing.

    Args:
        tenant_id: The raw tenant claim, not yet canonical, or None.
        tenants: The raw memberships that the token lists.
        user_id: The subject.
        scopes: The scopes.
        expires_at: `exp` in seconds since 1970; None only for `Claims()`.
    """

    tenant_id: str | None = None
    tenants: tuple[str, ...] = ()
    user_id: str | None = None
    scopes: frozenset[str] = frozenset()
    expires_at: float | None = None
    _members: dict[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def read(cls, payload: Mapping[str, Any], rules: TokenRules) -> Self:
        """Take the typed claims out of a payload whose signature and times were checked.

        Args:
            payload: The decoded JSON object.
            rules: Says where each claim stands.

        Raises:
            InvalidToken: When a claim has a wrong type, naming the claim for the log.
        """
        members = cast("dict[str, Any]", _copy(dict(payload)))
        expires_at = members.get("exp")
        return cls(
            tenant_id=_text(members, rules.tenant_claim),
            tenants=_texts(members, rules.tenants_claim),
            user_id=_text(members, rules.user_claim),
            scopes=frozenset(_texts(members, rules.scope_claim, separated=True)),
            expires_at=None if expires_at is None else float(expires_at),
            _members=members,
        )

    @property
    def anonymous(self) -> bool:
        """Whether there was no token at all."""
        return not self._members and self.tenant_id is None and not self.tenants

    def __getitem__(self, key: str) -> Any:
        return _copy(self._members[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        # Not the content: claims hold names and addresses, and reprs end in logs.
        return f"Claims(tenant_id={self.tenant_id!r}, user_id={self.user_id!r})"


def _text(members: Mapping[str, Any], path: str) -> str | None:
    value = _find(members, path)
    return None if value is None else _usable(value, path)


def _texts(members: Mapping[str, Any], path: str, *, separated: bool = False) -> tuple[str, ...]:
    value = _find(members, path)
    if value is None:
        return ()
    if separated and isinstance(value, str):
        return tuple(_usable(value, path).split())
    if not isinstance(value, list):
        raise InvalidToken(hint=f"the claim {path!r} must be a list of strings")
    return tuple(_usable(item, path) for item in cast("list[Any]", value))


def _usable(value: object, path: str) -> str:
    # PostgreSQL takes no NUL and no encoder a lone surrogate: refused here, or a 500 later.
    if isinstance(value, str) and "\0" not in value and _encodes(value):
        return value
    raise InvalidToken(hint=f"the claim {path!r} is not of the type it must have: text")


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _find(members: Mapping[str, Any], path: str) -> Any:
    """Follow a dotted path; a name with dots of its own, such as a URL, is found as it stands."""
    if path in members:
        return members[path]
    cut = len(path)
    while (cut := path.rfind(".", 0, cut)) > 0:
        inner = members.get(path[:cut])
        if isinstance(inner, dict):
            return _find(cast("dict[str, Any]", inner), path[cut + 1 :])
    return None


def _copy(value: object, depth: int = 0) -> object:
    if depth > _MAX_DEPTH:
        raise InvalidToken(hint=f"the claims are nested more than {_MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return {key: _copy(item, depth + 1) for key, item in members.items()}
    if isinstance(value, list):
        return [_copy(item, depth + 1) for item in cast("list[object]", value)]
    return value

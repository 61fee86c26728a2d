"""Which tenant a request is for: a pure decision over the token's claims and the tenant header."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from .auth import Claims, InvalidToken
from .errors import BadUserInput, TenantMismatch
from .tenant import IdType, canonical_tenant_id

__all__ = ["Resolved", "TenantRules", "header_values", "resolve_tenant"]

_FORMS: dict[IdType, str] = {
    "uuid": "a hyphenated UUID such as 11111111-1111-4111-8111-111111111111",
    "slug": "1 to 55 of a-z, 0-9, '-' and '_', the first a letter or a digit",
}
# Longer than every canonical form: a longer value is not even decoded (SECURITY.md, HTTP row).
_MAX_HEADER_BYTES = 64


@dataclass(frozen=True, slots=True)
class TenantRules:
    """How a deployment finds out the tenant. The defaults trust nothing but a token.

    Args:
        header: The header that may name a tenant.
        id_type: The one form of ids.
        auth_configured: Whether tokens are verified. If so, a header alone never counts.
        production: Whether this is a production deployment.
        trust_header: Whether production, without auth, may take the tenant from the header,
            because a gateway in front sets it and removes what clients send.
    """

    header: str = "X-Tenant-ID"
    id_type: IdType = "uuid"
    auth_configured: bool = True
    production: bool = False
    trust_header: bool = False

    @property
    def header_alone(self) -> bool:
        """Whether a header counts without a token.

        Start-up refuses production without auth and without `trust_header`; the rule stands here
        too, so that a deployment which got past that check serves nobody, not everybody.
        """
        return not self.auth_configured and (self.trust_header or not self.production)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The outcome.

    Args:
        tenant_id: The canonical id, or None: then the request is a 401 wherever it needs a tenant.
        source: "claim", "header" (alone, or by choice among the token's memberships) or "none".
    """

    tenant_id: str | None
    source: Literal["claim", "header", "none"]


_NONE = Resolved(None, "none")


def header_values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    """All values of one header, since two of them must not pass as one.

    Args:
        headers: `scope["headers"]` of an ASGI request.
        name: The header's name in lower case.
    """
    size = len(name)
    return [value for key, value in headers if len(key) == size and key.lower() == name]


def resolve_tenant(
    *, claims: Claims | None, header_values: Sequence[bytes | str], rules: TenantRules
) -> Resolved:
    """Decide for which tenant a request is.

    With a token its tenant claim decides; a header may only repeat it, or choose one of the
    memberships that the token lists. Without a token a header counts where
    `TenantRules.header_alone` says so.

    Args:
        claims: The verified claims, or None (or `Claims()`) without a token.
        header_values: Every value that the tenant header has in the request.
        rules: The deployment's rules.

    Raises:
        InvalidToken: 401, when the token's tenant claim is not an id.
        BadUserInput: 400, when there is more than one header, or it is not an id.
        TenantMismatch: 403, when the header names a tenant that the token does not.
    """
    if claims is None or claims.anonymous:
        asked = _asked_for(header_values, rules)
        return Resolved(asked, "header") if asked and rules.header_alone else _NONE
    own = None
    if claims.tenant_id is not None:
        own = canonical_tenant_id(claims.tenant_id, rules.id_type)
        if own is None:
            raise InvalidToken(hint=f"the tenant claim is not {_FORMS[rules.id_type]}")
    asked = _asked_for(header_values, rules)
    if asked is None or asked == own:
        return _NONE if own is None else Resolved(own, "claim")
    # An entry that is not an id is None here, and never equal to what was asked for.
    if any(asked == canonical_tenant_id(entry, rules.id_type) for entry in claims.tenants):
        return Resolved(asked, "header")
    raise TenantMismatch(
        hint=f"{rules.header} names a tenant that is neither the token's nor among its memberships"
    )


def _asked_for(values: Sequence[bytes | str], rules: TenantRules) -> str | None:
    if not values:
        return None
    if len(values) > 1:
        # Taking the first silently lets a proxy check one and us another (SECURITY.md, HTTP row).
        raise BadUserInput(
            f"Send exactly one {rules.header} header", extensions={"argument": rules.header}
        )
    tenant_id = canonical_tenant_id(_decoded(values[0]), rules.id_type)
    if tenant_id is None:
        raise BadUserInput(
            f"{rules.header} must be {_FORMS[rules.id_type]}",
            extensions={"argument": rules.header},
        )
    return tenant_id


def _decoded(value: bytes | str) -> str | None:
    # Optional white space around a value is not part of it (RFC 9110, section 5.5).
    if len(value) > _MAX_HEADER_BYTES:
        return None
    if isinstance(value, str):
        return value.strip(" \t")
    return value.strip(b" \t").decode("ascii") if value.isascii() else None

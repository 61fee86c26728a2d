"""Who asks is not let in."""

from __future__ import annotations

from .tenancy import TenancyError

__all__ = ["Forbidden", "TenantMismatch", "TenantUnavailable", "Unauthorized"]


class Unauthorized(TenancyError):
    """There is no tenant, or the token is missing, invalid or expired."""

    code = "UNAUTHORIZED"
    status = 401
    default_message = "Missing tenant context"

    @property
    def headers(self) -> dict[str, str]:
        """Which scheme is wanted (RFC 6750, section 3)."""
        return {"WWW-Authenticate": "Bearer"}


class Forbidden(TenancyError):
    """The caller lacks a scope."""

    code = "FORBIDDEN"
    status = 403
    default_message = "Forbidden"


class TenantMismatch(TenancyError):
    """The tenant header and the token's tenant claim disagree."""

    code = "TENANT_MISMATCH"
    status = 403
    default_message = "The tenant header does not match the token"


class TenantUnavailable(TenancyError):
    """The tenant is unknown, suspended or forbidden: one body for all, so nobody can tell which."""

    code = "TENANT_UNAVAILABLE"
    status = 403
    default_message = "Tenant not available"

"""What an administrator asks of a tenant is refused."""

from __future__ import annotations

from .tenancy import TenancyError

__all__ = ["ConfirmationRefused", "TenantConflict", "TenantNotFound"]


class TenantNotFound(TenancyError):
    """There is no tenant of that id; for administrators only, who may know."""

    code = "TENANT_NOT_FOUND"
    status = 404
    default_message = "There is no such tenant"


class TenantConflict(TenancyError):
    """A tenant's record does not admit what was asked for: it is another's, or in another state."""

    code = "TENANT_CONFLICT"
    status = 409
    default_message = "The tenant is not in a state that admits this"


class ConfirmationRefused(TenancyError):
    """A deletion was not confirmed, or something else was confirmed than what is there now."""

    code = "CONFIRMATION_REFUSED"
    status = 400
    default_message = "The deletion was not confirmed"

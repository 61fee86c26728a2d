"""Not now: too much is asked for, or PostgreSQL cannot be reached."""

from __future__ import annotations

from typing import Any

from .tenancy import TenancyError

__all__ = ["EventsMissed", "PlacementRefused", "RateLimited", "ServiceUnavailable", "TenantBusy"]


class RateLimited(TenancyError):
    """The tenant exceeded its own request limit."""

    code = "RATE_LIMITED"
    status = 429
    default_message = "Too many requests"


class TenantBusy(TenancyError):
    """No database connection became free within the budget."""

    code = "TENANT_BUSY"
    status = 503
    default_message = "The service is busy"

    def __init__(self, message: str | None = None, *, retry_after: int = 1, **more: Any) -> None:
        super().__init__(message, retry_after=retry_after, **more)


class ServiceUnavailable(TenancyError):
    """The database or the registry cannot be reached."""

    code = "SERVICE_UNAVAILABLE"
    status = 503
    default_message = "Service temporarily unavailable"

    def __init__(self, message: str | None = None, *, retry_after: int = 5, **more: Any) -> None:
        super().__init__(message, retry_after=retry_after, **more)


class EventsMissed(TenancyError):
    """A subscription ended because something that was announced may not have been delivered.

    Its client was too slow, or the connection that LISTENs broke off. Who subscribes again looks
    first at how things are now.
    """

    code = "EVENTS_MISSED"
    status = 503
    default_message = "Events were missed: subscribe again"

    def __init__(self, message: str | None = None, *, retry_after: int = 1, **more: Any) -> None:
        super().__init__(message, retry_after=retry_after, **more)


class PlacementRefused(ServiceUnavailable):
    """The database that is registered for a tenant must not be used.

    Its URL is not admitted, it led to another database, or its role is a superuser. The hint,
    which only the log has, says which.
    """

"""The errors of this library: few, typed, coded, each with a hint on how to mend it.

Two families. `TenancyError` reaches clients: it has the code, the HTTP status and the message
of the error table in `docs/reference/errors.md`. `SetupError` reaches developers only: a wrong
configuration, schema or database role, found before the first request is served.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "ArchiveError",
    "AutocommitRefused",
    "BadUserInput",
    "ConfigError",
    "ConfirmationRefused",
    "Conflict",
    "DocumentNotTrusted",
    "EventsMissed",
    "Forbidden",
    "MigrationFailed",
    "NestedAcquisition",
    "NotFound",
    "PersistedQueryNotFound",
    "PersistedQueryNotSupported",
    "PlacementRefused",
    "RateLimited",
    "SchemaError",
    "ServiceUnavailable",
    "SetupError",
    "TenancyError",
    "TenantBusy",
    "TenantConflict",
    "TenantMismatch",
    "TenantNotFound",
    "TenantSwitchRefused",
    "TenantUnavailable",
    "Unauthorized",
    "UnsafeDatabase",
    "UsageError",
]


class TenancyError(Exception):
    """An error that a client may see.

    Args:
        message: What the client reads; never SQL, a URL or a secret. The class's own by default.
        hint: What the developer reads in the log: how to mend it.
        extensions: Further GraphQL `extensions`, such as the argument's name.
        retry_after: Seconds after which a retry makes sense; sent as `Retry-After`.
    """

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"
    status: ClassVar[int] = 500
    default_message: ClassVar[str] = "Internal server error"

    def __init__(
        self,
        message: str | None = None,
        *,
        hint: str | None = None,
        extensions: dict[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.hint = hint
        self.extensions: dict[str, Any] = {"code": self.code, **(extensions or {})}
        self.retry_after = retry_after
        if retry_after is not None:
            self.extensions["retryAfter"] = retry_after
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers that go with the status (RFC 9110)."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    def body(self) -> dict[str, Any]:
        """The response body: one GraphQL error without `data`, since nothing was executed."""
        return {"errors": [{"message": self.message, "extensions": self.extensions}]}


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


class BadUserInput(TenancyError):
    """The client's arguments cannot be served."""

    code = "BAD_USER_INPUT"
    status = 400
    default_message = "Bad user input"


class NotFound(TenancyError):
    """There is no such row; another tenant's does not exist."""

    code = "NOT_FOUND"
    status = 404
    default_message = "There is no such row"


class Conflict(TenancyError):
    """Somebody else wrote the row since the client read it, or at the same moment.

    Nothing was written. `extensions.reason` is "version" or "concurrent".
    """

    code = "CONFLICT"
    status = 409
    default_message = "The row was changed by somebody else: read it again"


class PersistedQueryNotFound(TenancyError):
    """Nothing of that hash is registered: the client sends the text along, once.

    It is a step of Apollo's protocol, whose clients know it by its message, and no failure.
    """

    code = "PERSISTED_QUERY_NOT_FOUND"
    status = 200
    default_message = "PersistedQueryNotFound"


class PersistedQueryNotSupported(TenancyError):
    """Documents are not registered here: the client sends their texts."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"
    status = 200
    default_message = "PersistedQueryNotSupported"


class DocumentNotTrusted(TenancyError):
    """Only the documents of `[graphql] documents` are run, and this is none of them."""

    code = "PERSISTED_QUERY_NOT_IN_LIST"
    status = 400
    default_message = "The document is not one of those that this service runs"


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


class UsageError(TenancyError):
    """The application used a tenant session in a way that could leak or dead-lock.

    The client sees a masked 500; the developer sees this message and its hint.
    """


class NestedAcquisition(UsageError):
    """A second connection was wanted while one is held up the awaiting chain.

    On a pool of two, two such requests dead-lock; so it is refused.
    """


class AutocommitRefused(UsageError):
    """The session is in AUTOCOMMIT, where a transaction-local tenant would be lost at once."""


class TenantSwitchRefused(UsageError):
    """Code tried to change the tenant of a running request or of an open session."""


class SetupError(Exception):
    """Something is wrong before the first request; the message says how to mend it."""


class ConfigError(SetupError):
    """The configuration cannot be used.

    Args:
        message: What is wrong.
        file: The file it stands in.
        line: The line, counted from 1.
        hint: How to mend it, such as the nearest valid key.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        hint: str | None = None,
    ) -> None:
        self.message, self.file, self.line, self.hint = message, file, line, hint
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(f"{where}{message}" + (f". {hint}" if hint else ""))


class SchemaError(SetupError):
    """A decorated type, query or relation does not fit its source."""


class ArchiveError(SetupError):
    """An archive of a tenant is damaged, or does not fit where it is to be imported."""


class MigrationFailed(SetupError):
    """The tables of one tenant could not be migrated; they are as they were before."""


class UnsafeDatabase(SetupError):
    """The application role or a policy cannot keep tenants apart; `fix` is SQL that mends it."""

    def __init__(self, message: str, *, fix: str) -> None:
        self.fix = fix
        super().__init__(f"{message}\nMend it with:\n{fix}")

"""What is asked for cannot be served."""

from __future__ import annotations

from .tenancy import TenancyError

__all__ = [
    "BadUserInput",
    "Conflict",
    "DocumentNotTrusted",
    "NotFound",
    "PersistedQueryNotFound",
    "PersistedQueryNotSupported",
]


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

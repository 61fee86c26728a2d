"""What the application does with a session could leak or dead-lock."""

from __future__ import annotations

from .tenancy import TenancyError

__all__ = ["AutocommitRefused", "NestedAcquisition", "TenantSwitchRefused", "UsageError"]


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

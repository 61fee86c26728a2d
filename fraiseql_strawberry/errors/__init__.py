"""The errors of this library: few, typed, coded, each with a hint on how to mend it.

Two families. `TenancyError` reaches clients: it has the code, the HTTP status and the message
of the error table in `docs/reference/errors.md`. `SetupError` reaches developers only: a wrong
configuration, schema or database role, found before the first request is served.
"""

from __future__ import annotations

from .access import Forbidden, TenantMismatch, TenantUnavailable, Unauthorized
from .availability import (
    EventsMissed,
    PlacementRefused,
    RateLimited,
    ServiceUnavailable,
    TenantBusy,
)
from .requests import (
    BadUserInput,
    Conflict,
    DocumentNotTrusted,
    NotFound,
    PersistedQueryNotFound,
    PersistedQueryNotSupported,
)
from .setup import (
    ArchiveError,
    ConfigError,
    MigrationFailed,
    SchemaError,
    SetupError,
    UnsafeDatabase,
)
from .tenancy import TenancyError
from .tenants import ConfirmationRefused, TenantConflict, TenantNotFound
from .usage import AutocommitRefused, NestedAcquisition, TenantSwitchRefused, UsageError

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

"""What is found before the first request; for developers only."""

from __future__ import annotations

__all__ = [
    "ArchiveError",
    "ConfigError",
    "MigrationFailed",
    "SchemaError",
    "SetupError",
    "UnsafeDatabase",
]


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

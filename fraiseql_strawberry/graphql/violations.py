"""What PostgreSQL's refusal of a write means for a client: the field, and the kind of constraint.

Never SQL, and never a value: that which is there already may be another user's.
"""

from __future__ import annotations

from typing import Any

from asyncpg import exceptions as postgres

from ..errors import BadUserInput, Conflict, NotFound, TenancyError
from ..sql.write import TENANT_COLUMN
from ..trouble import driver_error
from .compiler import Writing

__all__ = ["violation"]

_MESSAGES = {
    "unique": "There is one with this value already",
    "foreign key": "There is nothing that this value refers to",
    "check": "The value is not allowed",
    "not null": "A value is needed",
    "exclusion": "The value collides with one that is there",
}
_KINDS: dict[type[BaseException], str] = {
    postgres.UniqueViolationError: "unique",
    postgres.ForeignKeyViolationError: "foreign key",
    postgres.RestrictViolationError: "foreign key",
    postgres.CheckViolationError: "check",
    postgres.WithCheckOptionViolationError: "check",
    postgres.NotNullViolationError: "not null",
    postgres.ExclusionViolationError: "exclusion",
}
_REFERRED_TO = "Others still refer to this row"
_CONCURRENT = (
    postgres.DeadlockDetectedError,
    postgres.SerializationError,
    postgres.LockNotAvailableError,
)
_NO_SUCH_VALUE = (
    postgres.StringDataRightTruncationError,
    postgres.NumericValueOutOfRangeError,
    postgres.InvalidTextRepresentationError,
    postgres.DatetimeFieldOverflowError,
    postgres.IntervalFieldOverflowError,
    postgres.CharacterNotInRepertoireError,
)
# The function of PostgreSQL's that speaks tells a policy from a missing GRANT, whose code is the
# same; the message depends on the server's language.
_POLICY = "ExecWithCheckOptions"


def violation(error: BaseException, writing: Writing) -> TenancyError | None:
    """The client's error, or None for a fault of somebody else's.

    Args:
        error: What asyncpg or SQLAlchemy raised; the transaction is rolled back.
        writing: What was written.
    """
    cause: Any = driver_error(error)
    kind = _KINDS.get(cause.__class__)
    if kind is not None:
        return _constraint(cause, kind, writing)
    if isinstance(cause, _CONCURRENT):
        return Conflict(
            "Another write was in the way, and nothing was written: try again",
            extensions={"reason": "concurrent"},
            hint=f"PostgreSQL: {type(cause).__name__}",
        )
    if isinstance(cause, postgres.InsufficientPrivilegeError):
        if cause.server_source_function == _POLICY:
            return NotFound(hint=f"{writing.user}: a policy refused the row")
        return None
    if isinstance(cause, _NO_SUCH_VALUE):
        return BadUserInput("A value does not fit its column", hint=f"{writing.user}: {cause}")
    return None


def _constraint(cause: Any, kind: str, writing: Writing) -> BadUserInput:
    message = _MESSAGES[kind]
    referred = kind == "foreign key" and writing.field.write.kind == "delete"
    columns: tuple[str, ...] = ()
    if cause.column_name:
        columns = (cause.column_name,)
    elif not referred:
        columns = writing.constraints.get((cause.table_name, cause.constraint_name), ())
    own = [column for column in columns if column != TENANT_COLUMN]
    names = [name for name in map(writing.name_of, own) if name is not None]
    extensions: dict[str, Any] = {"constraint": kind}
    if names:
        extensions["field"] = names[0]
    if len(names) > 1:
        extensions["fields"] = names
    if referred:
        message = _REFERRED_TO
    elif names:
        message = f"{', '.join(names)}: {message[0].lower()}{message[1:]}"
    return BadUserInput(
        message,
        extensions=extensions,
        hint=f"{writing.user}: {kind} constraint {cause.constraint_name or ''}",
    )

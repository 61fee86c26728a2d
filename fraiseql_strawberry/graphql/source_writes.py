"""What a decorated mutation says of a write, checked before anything is known of the database."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

from ..errors import SchemaError
from ..sql.source import Source
from ..sql.write import TENANT_COLUMN, SourceWrite

__all__ = ["WriteOperation", "source_write"]

WriteOperation = Literal["create", "update", "delete"]
_OPERATIONS = ("create", "update", "delete")


def source_write(
    function: Callable[..., Any],
    sql_source: str | None,
    operation: WriteOperation | None,
    *,
    tenant: bool,
    key: str,
    on_conflict: str | tuple[str, ...],
    version: str | None,
) -> SourceWrite | None:
    """What `mutation(…)` was given; None for a field with a body.

    Args:
        function: The decorated function.
        sql_source: As given; so are the others.
        operation: …
        tenant: …
        key: …
        on_conflict: …
        version: …

    Raises:
        SchemaError: When the arguments do not go together.
    """
    name = function.__name__
    if sql_source is None:
        if operation is not None or on_conflict or version is not None:
            raise SchemaError(
                f"{name}(): operation, on_conflict and version are for writes through SQL: name "
                "the table in sql_source"
            )
        return None
    if not tenant:
        raise SchemaError(
            f"{name}(): a mutation with sql_source needs a tenant: take tenant=False out"
        )
    if operation is not None and operation not in _OPERATIONS:
        raise SchemaError(f'{name}(): operation="{operation}" is none of {", ".join(_OPERATIONS)}')
    columns = _columns(on_conflict)
    if columns and operation != "create":
        raise SchemaError(f'{name}(): on_conflict goes with operation="create" only')
    if version is not None and operation not in ("update", "delete"):
        raise SchemaError(f'{name}(): version goes with operation="update" or "delete" only')
    if TENANT_COLUMN in inspect.signature(function).parameters:
        raise SchemaError(
            f"{name}({TENANT_COLUMN}): the tenant's column is never an input: the tenant comes "
            "from the verified token. Take the argument out"
        )
    return SourceWrite(Source.parse(sql_source), operation or "call", key, columns, version)


def _columns(text: str | tuple[str, ...]) -> tuple[str, ...]:
    parts = text.split(",") if isinstance(text, str) else text
    return tuple(part.strip() for part in parts if part.strip())

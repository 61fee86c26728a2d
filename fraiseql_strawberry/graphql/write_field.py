"""A field that writes through SQL, in the standard lane: one transaction of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLResolveInfo

from ..isolation import Transaction
from ..runtime import running
from ..trouble import is_outdated, translated
from .compiler import BoundWrite, FieldCompiler, Load
from .definition import Operation
from .outcome import Outcome
from .scopes import check_scopes
from .sources import compiled, served_for
from .writes import explained, write_and_read

__all__ = ["resolve_write"]


async def resolve_write(info: GraphQLResolveInfo[Any], operation: Operation) -> Any:
    """The value of a root field that writes: what its rows are then.

    What the fast lane has done already is not done again.

    Args:
        info: graphql-core's.
        operation: What the decorator said.

    Raises:
        Forbidden: When a scope is missing.
        Unauthorized: When there is no tenant.
        BadUserInput: When an argument cannot be served, or a constraint refuses it.
        NotFound: When there is no such row, and the field may not be null.
        Conflict: When somebody else has changed the row.
    """
    check_scopes(operation.scopes)
    here = running()
    state = here.scope.operation
    if state is not None and info.path.prev is None:
        known: Outcome | None = state.written.pop(str(info.path.key), None)
        if known is not None:
            return known.value()
    tenant_id = here.scope.require_tenant()
    served = served_for(here, info)
    finishing = state is not None and state.finishing

    def make(fields: FieldCompiler) -> tuple[FieldCompiler, BoundWrite, Load]:
        return fields, fields.bind_write(info), fields.written(info, finishing=finishing)

    fields, write, load = await compiled(here, served, tenant_id, make)
    loads = [load]

    async def read(transaction: Transaction, keys: Sequence[Any]) -> str | None:
        text = await transaction.read(load.of([keys]))
        if load.violates(text):
            # Read again as objects, so that the errors are graphql-core's own.
            loads.append(fields.written(info).of([keys]))
            text = await transaction.read(loads[-1])
        return text

    async def work(transaction: Transaction) -> str:
        return await write_and_read(transaction, write, read)

    try:
        with translated():
            text = await explained(here.runtime.write(work), write)
    except Exception as error:
        if is_outdated(error):
            served.forget(tenant_id)  # for the next one: a write is never done again
        raise
    values: list[Any] = loads[-1].value(text)
    return values if write.many else values[0]

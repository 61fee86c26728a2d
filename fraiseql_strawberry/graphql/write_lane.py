"""The fast lane's writes: one transaction for each root field, one after the other.

What goes wrong is not told here. A field whose write failed, or whose row breaks a promise of the
schema, is rolled back; then the standard lane makes the response, with what the other fields have
come to. So errors and nulls that spread are Strawberry's own, and nothing is written twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from graphql import GraphQLError

from ..isolation import Transaction
from ..runtime import Runtime
from ..trouble import translated
from .compiler import BoundMutation, BoundPart
from .json_text import decode
from .middleware import Outcome as Ending
from .outcome import Outcome
from .public_errors import public_errors
from .writes import explained, write_and_read

__all__ = ["Unfinished", "ending_of", "write_all"]


class Unfinished(Exception):
    """The standard lane has to make the response.

    Args:
        reason: Why, for metrics.
        outcomes: What root fields have come to, by response key; those that are not among them
            have written nothing.
    """

    def __init__(self, reason: str, outcomes: dict[str, Outcome]) -> None:
        self.reason = reason
        self.outcomes = outcomes
        super().__init__(reason)


class _Violates(Exception):
    """What was read back breaks a promise of the schema: it is undone, and done by Strawberry."""


async def write_all(runtime: Runtime, tenant_id: str, bound: BoundMutation) -> bytes:
    """Write every root field, in order, each in a transaction of its own.

    Args:
        runtime: The tenancy.
        tenant_id: The tenant, admitted.
        bound: What one request writes.

    Returns:
        The JSON text of the operation's `data`.

    Raises:
        Unfinished: When a field failed. Those before it, and after it where it may be null, have
            been written.
    """
    texts: list[str] = []
    outcomes: dict[str, Outcome] = {}
    failed = False
    for part in bound.parts:
        try:
            text = await _write(runtime, tenant_id, part)
        except _Violates as aside:
            raise Unfinished("null", outcomes) from aside
        except Exception as error:  # noqa: BLE001 - the standard lane tells it, in its place
            outcomes[part.key] = Outcome(error=error)
            failed = True
            if part.field is not None and not part.field.nullable:
                break  # its null is that of the whole operation, of which nothing more is run
            continue
        texts.append(f"{json.dumps(part.key)}:{text}")
        if part.field is not None:
            # Decoded only where it is needed: most operations have no error.
            outcomes[part.key] = _Text(text)
    if failed:
        raise Unfinished("error", outcomes)
    return f"{{{','.join(texts)}}}".encode()


def ending_of(outcomes: Mapping[str, Outcome]) -> Ending:
    """What middlewares are told of an operation.

    Args:
        outcomes: Of its root fields, where the standard lane is going to answer it.
    """
    errors = [
        GraphQLError(str(outcome.error), path=[key], original_error=outcome.error)
        for key, outcome in outcomes.items()
        if outcome.error is not None
    ]
    return Ending(200, tuple(error.formatted for error in public_errors(errors)))


class _Text(Outcome):
    """A value that is decoded when it is asked for."""

    def value(self) -> Any:
        return Outcome(decode(self.data, any_number=True)).value()

    def __init__(self, text: str) -> None:
        super().__init__(text)


async def _write(runtime: Runtime, tenant_id: str, part: BoundPart) -> str:
    write, back = part.write, part.read
    if write is None or back is None:
        return json.dumps(part.text)

    async def read(transaction: Transaction, keys: Sequence[Any]) -> str | None:
        text = await transaction.read(back.of([keys]))
        if back.violates(text):
            raise _Violates
        return text

    async def work(transaction: Transaction) -> str:
        return await write_and_read(transaction, write, read)

    with translated():
        text = await explained(runtime.write_as(tenant_id, work), write)
    return text if write.many else text[1:-1]

"""What a field that writes through SQL does in its transaction, in both lanes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from ..errors import Conflict, NotFound, TenancyError
from ..isolation import Transaction
from .compiler import BoundWrite
from .violations import violation

__all__ = ["NOTHING", "explained", "write_and_read"]

T = TypeVar("T")

NOTHING = "[]"

Read = Callable[[Transaction, Sequence[Any]], Awaitable[str | None]]
"""Reads the rows of these keys as one JSON array, with null for a row that is not there."""


async def write_and_read(transaction: Transaction, write: BoundWrite, read: Read) -> str:
    """Write the rows of one field and read what they are then.

    A row that is to be deleted is read before.

    Args:
        transaction: The tenant's.
        write: What is written.
        read: Reads it back.

    Returns:
        A JSON array with one item for each row, null for those that are not there.

    Raises:
        NotFound: When a row is not there, and the field may not be null.
        Conflict: When a row has another version than the client read.
    """
    if write.writing.field.write.kind == "delete":
        text = await _read(transaction, read, write.keys)
        deleted = await _write(transaction, write)
        if None in deleted:
            await _refuse_missing(transaction, write, deleted, text)
        return text
    if write.writing.field.write.kind == "call":
        await transaction.plan_anew()
    keys = await _write(transaction, write)
    if None in keys:
        await _refuse_missing(transaction, write, keys, None)
    text = await _read(transaction, read, keys)
    if "[null" in text or ",null" in text:
        _refuse_unseen(write, keys, text)
    return text


async def explained(work: Awaitable[T], write: BoundWrite) -> T:
    """Await a write; what PostgreSQL refuses is the client's error.

    Raises:
        BadUserInput: For a constraint, with the field's name.
        NotFound: For a row that a policy refuses.
        Conflict: For a deadlock.
    """
    try:
        return await work
    except TenancyError:
        raise
    except Exception as error:
        known = violation(error, write.writing)
        if known is None:
            raise
        raise known from error


async def _write(transaction: Transaction, write: BoundWrite) -> list[Any]:
    keys: list[Any] = []
    for run in write.runs:
        keys += await transaction.write(run.statement.text, run.parameters)
    return keys


async def _read(transaction: Transaction, read: Read, keys: Sequence[Any]) -> str:
    return (await read(transaction, keys) or NOTHING) if keys else NOTHING


async def _refuse_missing(
    transaction: Transaction, write: BoundWrite, keys: Sequence[Any], text: str | None
) -> None:
    """Rows that were not written: another version, or nothing of that key."""
    missing = [place for place, key in enumerate(keys) if key is None]
    exists = write.writing.exists
    if exists is not None:
        parameters = [[write.keys[place]] for place in missing]
        there = await transaction.write(exists.text, parameters)
        for place, found in zip(missing, there, strict=True):
            if found:
                raise Conflict(extensions={"reason": "version", **_index(write, place)})
    if not write.writing.field.row_nullable:
        raise NotFound(extensions=_index(write, missing[0]))
    if text is not None:
        rows: list[Any] = json.loads(text, parse_int=float)
        for place in missing:
            if rows[place] is not None:  # it may be read and not deleted
                raise NotFound(extensions=_index(write, place))


def _refuse_unseen(write: BoundWrite, keys: Sequence[Any], text: str) -> None:
    """Rows that were written, and that the source of the type does not show."""
    if write.writing.field.row_nullable:
        return
    rows: list[Any] = json.loads(text, parse_int=float)
    for place, key in enumerate(keys):
        if key is not None and rows[place] is None:
            raise NotFound(
                extensions=_index(write, place),
                hint=f"{write.writing.user}: what was written is not among what is read, so it "
                "is undone",
            )


def _index(write: BoundWrite, place: int) -> dict[str, Any]:
    return {"index": place} if write.many else {}

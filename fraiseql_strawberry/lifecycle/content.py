"""The rows of one table as bytes: in an order and a form that are the same in every database."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from .administrator import Driver
from .queries import read_sql

__all__ = ["TableContent", "pin_text_form", "read_content"]

_PINNED = read_sql("pin_text_form")
_CHUNK = 1 << 20

Sink = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class TableContent:
    """What was read of a table.

    Args:
        rows: How many rows.
        bytes: How many bytes their text has.
        sha256: The digest of that text, in hexadecimal.
    """

    rows: int
    bytes: int
    sha256: str


async def pin_text_form(driver: Driver) -> None:
    """Let every value have one text, in a transaction of the caller's, however the role is set up.

    Row-level security is an error from here on: a role that it holds would read fewer rows, and
    nobody would notice.
    """
    await driver.execute(_PINNED)


async def read_content(driver: Driver, query: str, sink: Sink | None = None) -> TableContent:
    """Run a query with COPY, and hand its text on while it comes.

    Args:
        driver: The connection, in a transaction with `pin_text_form`.
        query: The rows (see `TenantTable.selection`).
        sink: Is called in a thread with pieces of about a mebibyte; nothing by default.
    """
    digest = hashlib.sha256()
    waiting = bytearray()
    size = 0

    def swallow(piece: bytes) -> None:
        digest.update(piece)
        if sink is not None:
            sink(piece)

    async def output(piece: bytes) -> None:
        nonlocal size
        size += len(piece)
        waiting.extend(piece)
        if len(waiting) >= _CHUNK:
            whole = bytes(waiting)
            waiting.clear()
            await asyncio.to_thread(swallow, whole)

    tag = await driver.copy_from_query(query, output=output, format="text")
    await asyncio.to_thread(swallow, bytes(waiting))
    return TableContent(int(tag.rpartition(" ")[2]), size, digest.hexdigest())

"""Records, receipts and progress: tables for people, JSON for machines."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ...lifecycle import TenantRecord
from ...lifecycle.archive import Manifest
from ...lifecycle.archive import Progress as Told
from ...lifecycle.receipt import Receipt
from ..terminal import console

__all__ = [
    "manifest_json",
    "progress",
    "receipt_json",
    "record_json",
    "show_record",
    "show_records",
    "show_rows",
]

_COLOURS = {"active": "green", "suspended": "yellow", "archived": "dim", "deleting": "red"}


def record_json(record: TenantRecord) -> dict[str, Any]:
    """A record as JSON; times are in ISO 8601."""
    return {
        "id": record.id,
        "name": record.name,
        "plan": record.plan,
        "status": str(record.status),
        "placement": dict(record.placement),
        "settings": dict(record.settings),
        "tags": list(record.tags),
        "created_at": _time(record.created_at),
        "updated_at": _time(record.updated_at),
        "status_at": _time(record.status_at),
    }


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """A receipt as JSON."""
    return {
        **asdict(receipt),
        "rows": receipt.rows,
        "started_at": _time(receipt.started_at),
        "finished_at": _time(receipt.finished_at),
    }


def manifest_json(manifest: Manifest) -> dict[str, Any]:
    """What an archive says of itself, as JSON."""
    return {**asdict(manifest), "rows": manifest.rows}


def show_records(records: Iterable[TenantRecord]) -> None:
    """A line for each tenant."""
    table = _table("id", "name", "plan", "status", "tags", "created")
    for record in records:
        table.add_row(
            record.id,
            Text(record.name or ""),
            Text(record.plan or ""),
            _coloured(record),
            Text(" ".join(record.tags)),
            f"{record.created_at:%Y-%m-%d}" if record.created_at else "",
        )
    console().print(table)


def show_record(record: TenantRecord) -> None:
    """A line for each thing that is known of a tenant."""
    table = _table("", "")
    table.show_header = False
    for name, value in record_json(record).items():
        shown = ", ".join(value) if name == "tags" else value
        table.add_row(name, _coloured(record) if name == "status" else Text(_words(shown)))
    console().print(table)


def show_rows(rows: Mapping[str, int], *, to: Console | None = None) -> None:
    """How many rows each table has."""
    table = _table("table", "rows")
    table.columns[1].justify = "right"
    for name, count in rows.items():
        table.add_row(Text(name), f"{count:,}")
    (to or console()).print(table)


@contextmanager
def progress(what: str) -> Generator[Told]:
    """Show on a terminal what is being done, and how far it is.

    Args:
        what: Such as "exporting".
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(
        *columns, console=Console(file=sys.stderr), transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task(f"{what} …")
        total = 0

        def told(table: str, rows: int) -> None:
            nonlocal total
            total += rows
            bar.update(task, description=f"{what}: {table}, {total:,} rows so far")

        yield told


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _coloured(record: TenantRecord) -> Text:
    return Text(record.status, style=_COLOURS.get(record.status, "cyan"))


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value)
        return ", ".join(f"{key}={item}" for key, item in pairs.items())
    return "" if value is None else str(value)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()

"""`migrate status`: the fleet by revision."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...lifecycle.migrate.fleet import open_fleet
from ...lifecycle.migrate.scripts import Scripts
from ...lifecycle.migrate.status import Standing, fleet_status
from ..failures import redacted
from ..options import AsJson, ConfigPath, read_config
from ..terminal import console, print_json
from .options import Recheck, Tags, Tenants, read_selection

__all__ = ["status"]

_SHOWN = 20


def status(
    tenant: Tenants = None,
    tag: Tags = None,
    recheck: Recheck = False,
    fail_behind: Annotated[
        bool, typer.Option("--fail-behind", help="Exit with 1 where a tenant is not at head.")
    ] = False,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show how many tenants are at which revision, and what failed last."""
    settings = read_config(config)
    scripts = Scripts.of(settings)
    selection = read_selection(settings, tenant, tag)
    fleet = open_fleet(settings)
    found = asyncio.run(fleet_status(fleet, scripts, selection, recheck=recheck))
    if as_json:
        print_json(_data(scripts, found))
    else:
        _show(scripts, found, console())
    if fail_behind and any(one.behind != 0 for one in found):
        raise typer.Exit(1)


def _show(scripts: Scripts, found: Sequence[Standing], out: Console) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("revision", "", "tenants"):
        table.add_column(column)
    counts = Counter((one.revisions, one.behind) for one in found)
    for (revisions, behind), count in sorted(counts.items(), key=lambda item: _order(item[0][1])):
        table.add_row(", ".join(revisions) or "none", _behind(behind), str(count))
    out.print(f"head: {', '.join(scripts.heads) or 'there is no revision yet'}")
    out.print(table if found else "There is no tenant.")
    failed = [one for one in found if one.last is not None and one.last.error is not None]
    for one in failed[:_SHOWN]:
        assert one.last is not None
        said = f"{one.place.tenant}: {redacted(one.last.error or '')}"
        out.print(Text(said, style="red"))
    if len(failed) > _SHOWN:
        out.print(f"… and {len(failed) - _SHOWN} more that failed")


def _order(behind: int | None) -> int:
    return -1 if behind is None else behind


def _behind(behind: int | None) -> str:
    if behind is None:
        return "not known here"
    return "head" if behind == 0 else f"{behind} behind"


def _data(scripts: Scripts, found: Sequence[Standing]) -> dict[str, Any]:
    return {
        "head": list(scripts.heads),
        "tenants": [
            {
                "tenant": one.place.tenant,
                "schema": one.place.schema,
                "revisions": list(one.revisions),
                "behind": one.behind,
                "last": None
                if one.last is None
                else {
                    "revision": one.last.revision,
                    "started": one.last.started and one.last.started.isoformat(),
                    "finished": one.last.finished and one.last.finished.isoformat(),
                    "error": one.last.error and redacted(one.last.error),
                },
            }
            for one in found
        ],
    }

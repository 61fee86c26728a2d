"""`migrate drift`: tenants whose tables are not what the migrations made."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from ...config import Config
from ...isolation import SchemaNames
from ...lifecycle.migrate.drift import Comparison, find_drift
from ...lifecycle.migrate.fleet import open_fleet
from ...lifecycle.migrate.scripts import Scripts
from ..options import AsJson, ConfigPath, read_config, read_tenant
from ..terminal import console, print_json
from .options import Tags, Tenants, read_selection

__all__ = ["drift"]

_NAMED = 5
_COLOURS = {"-": "red", "+": "green"}


def drift(
    tenant: Tenants = None,
    tag: Tags = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The tenant to compare with, in place of the template."),
    ] = None,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Compare the tables of each tenant with the template's, and show the difference.

    Without a template, what most tenants have is what all should have. The exit code is 1 where
    anybody differs.
    """
    settings = read_config(config)
    scripts = Scripts.of(settings)
    reference = None if against is None else read_tenant(against, settings)
    found = asyncio.run(
        find_drift(
            open_fleet(settings),
            scripts,
            read_selection(settings, tenant, tag),
            against=reference,
            roles=_roles(settings),
        )
    )
    if as_json:
        print_json(_data(found))
    else:
        _show(found, console())
    if found.drifted:
        raise typer.Exit(1)


def _roles(config: Config) -> SchemaNames | None:
    template = config.multitenancy.role_template
    if template is None or config.multitenancy.strategy != "schema":
        return None
    return SchemaNames(template, uuids=config.multitenancy.id_type == "uuid")


def _show(found: Comparison, out: Console) -> None:
    alike: dict[str, list[str]] = {}
    for place, difference in found.drifted.items():
        alike.setdefault(str(difference), []).append(place.tenant)
    for difference, tenants in alike.items():
        more = f" and {len(tenants) - _NAMED} more" if len(tenants) > _NAMED else ""
        out.print(Text(f"{', '.join(tenants[:_NAMED])}{more}", style="bold"))
        for line in difference.splitlines():
            out.print(Text(f"  {line}", style=_COLOURS.get(line[:1], "")))
    out.print(
        f"{found.alike} as they should be, {len(found.drifted)} differ, "
        f"{len(found.elsewhere)} at another revision; compared with {found.against}"
    )


def _data(found: Comparison) -> dict[str, Any]:
    return {
        "against": found.against,
        "alike": found.alike,
        "at_another_revision": [place.tenant for place in found.elsewhere],
        "drifted": [
            {
                "tenant": place.tenant,
                "schema": place.schema,
                "missing": list(difference.missing),
                "unexpected": list(difference.unexpected),
            }
            for place, difference in found.drifted.items()
        ],
    }

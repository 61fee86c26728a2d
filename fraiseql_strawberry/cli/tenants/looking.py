"""`tenants list` and `tenants show`."""

from __future__ import annotations

from typing import Annotated

import typer

from ...tenant import TenantStatus
from ..options import AsJson, ConfigPath
from ..terminal import print_json
from .running import TenantArgument, with_tenants
from .showing import record_json, show_record, show_records

__all__ = ["list_", "show"]


def list_(
    status: Annotated[
        list[TenantStatus] | None,
        typer.Option(help="Only those in this status; may be given several times."),
    ] = None,
    tag: Annotated[str | None, typer.Option(help="Only those with this tag.")] = None,
    plan: Annotated[str | None, typer.Option(help="Only those on this plan.")] = None,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """List the tenants, or those that fit."""
    records = with_tenants(config, lambda tenants: tenants.list(status=status, tag=tag, plan=plan))
    if as_json:
        print_json([record_json(record) for record in records])
    else:
        show_records(records)


def show(tenant: TenantArgument, config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Show what is written down of a tenant."""
    record = with_tenants(config, lambda tenants: tenants.get(tenant))
    if as_json:
        print_json(record_json(record))
    else:
        show_record(record)

"""`tenants delete` and `tenants receipts`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from ...lifecycle import Tenants
from ...lifecycle.receipt import Receipt
from ..options import AsJson, ConfigPath
from ..terminal import print_json, warn
from .running import TenantArgument, Yes, confirmed, with_tenants
from .showing import progress, receipt_json, show_rows

__all__ = ["delete", "receipts"]


def delete(
    tenant: TenantArgument,
    reason: Annotated[str | None, typer.Option(help="Why; the receipt says it.")] = None,
    yes: Yes = False,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Delete a tenant: its rows, its schema or database, its record. A receipt stays.

    There is no way back but an export from before.
    """

    async def work(tenants: Tenants) -> Receipt:
        deletion = await tenants.deletion(tenant)
        name = deletion.tenant.name or deletion.tenant.id
        if not yes:
            show_rows(deletion.rows, to=Console(file=sys.stderr))
        confirmed(f"{name} ({deletion.tenant.id}) will be deleted.", wanted=name, yes=yes)
        with progress("deleting"):
            return await tenants.delete(tenant, deletion.token, reason=reason)

    receipt = with_tenants(config, work)
    if as_json:
        print_json(receipt_json(receipt))
    else:
        typer.echo(f"receipt {receipt.id}: {receipt.rows:,} rows deleted")
    for place, rows in receipt.residue.items():
        if rows is None:
            warn(f"{place} may not be read, so nobody knows whether it still names the tenant")
        else:
            warn(
                f"{place} still names the tenant in {rows:,} rows: they are in no table of its own"
            )


def receipts(
    tenant: Annotated[
        str | None, typer.Argument(metavar="[TENANT]", help="Of one tenant only.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 100,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show the receipts of deleted tenants: when, by whom, how much."""
    found = with_tenants(config, lambda tenants: tenants.receipts(tenant, limit=limit))
    if as_json:
        print_json([receipt_json(receipt) for receipt in found])
        return
    for receipt in found:
        typer.echo(
            f"{receipt.finished_at:%Y-%m-%d %H:%M}  {receipt.tenant_id}  "
            f"{receipt.tenant.get('name')}  {receipt.rows:,} rows, by {receipt.deleted_by}"
            + (f": {receipt.reason}" if receipt.reason else "")
        )

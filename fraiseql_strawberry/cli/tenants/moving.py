"""`tenants move`."""

from __future__ import annotations

from typing import Annotated

import typer

from ..options import AsJson, ConfigPath
from .making import done
from .running import TenantArgument, with_tenants
from .showing import progress

__all__ = ["move"]


def move(
    tenant: TenantArgument,
    to: Annotated[str, typer.Option(metavar="HOST:PORT", help="The server that it goes to.")],
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Move a tenant's database to another server; it is refused until it is there.

    Cut short, the same command goes on. Naming the server that it comes from goes back.
    """
    with progress("moving"):
        record = with_tenants(config, lambda tenants: tenants.move(tenant, to))
    done(record, as_json)

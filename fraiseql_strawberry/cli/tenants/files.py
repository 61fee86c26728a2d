"""`tenants export`, `tenants import` and `tenants archive`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import AsJson, ConfigPath
from ..terminal import print_json
from .making import done
from .running import TenantArgument, Yes, confirmed, with_tenants
from .showing import manifest_json, progress, show_rows

__all__ = ["archive", "export", "import_"]


def export(
    tenant: TenantArgument,
    file: Annotated[Path, typer.Argument(help="A new file.")],
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Write all rows of a tenant to a file, while it is served."""
    with progress("exporting") as told:
        manifest = with_tenants(config, lambda tenants: tenants.export(tenant, file, progress=told))
    if as_json:
        print_json(manifest_json(manifest))
    else:
        show_rows({f"{one.schema}.{one.name}": one.content.rows for one in manifest.tables})
        typer.echo(f"{manifest.rows:,} rows in {file}")


def import_(
    file: Annotated[Path, typer.Argument(help="What export or archive wrote.", exists=True)],
    tenant_id: Annotated[
        str | None, typer.Option("--id", help="The id that it had, by default.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The name that it had, by default.")] = None,
    plan: Annotated[str | None, typer.Option(help="The plan that it had, by default.")] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(metavar="TABLE", help="A table to leave out; may be given several times."),
    ] = None,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Make a tenant out of a file, whichever strategy it was written under."""
    with progress("importing") as told:
        record = with_tenants(
            config,
            lambda tenants: tenants.restore(
                file, id=tenant_id, name=name, plan=plan, skip=skip or (), progress=told
            ),
        )
    done(record, as_json)


def archive(
    tenant: TenantArgument,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Move its rows there, out of the database."),
    ] = None,
    yes: Yes = False,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Keep a tenant, and serve it no more; with --to, in a file only.

    `import` brings a file back; without one, `resume` does.
    """
    if to is not None:
        question = f"The rows of {tenant} will be in {to} only, and not in the database."
        confirmed(question, wanted="archive", yes=yes)
    with progress("archiving") as told:
        record = with_tenants(config, lambda tenants: tenants.archive(tenant, to, progress=told))
    done(record, as_json)

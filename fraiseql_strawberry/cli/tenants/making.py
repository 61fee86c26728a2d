"""`tenants create`, `change`, `recover` and `template`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any, cast

import typer

from ...errors import SetupError
from ...lifecycle import TenantRecord, Tenants
from ...lifecycle.provision import Seed
from ..options import AsJson, ConfigPath
from ..target import load_target
from ..terminal import print_json
from .running import TenantArgument, with_tenants
from .showing import record_json

__all__ = ["change", "create", "done", "recover", "template"]

Plan = Annotated[str | None, typer.Option(help="The plan it pays for.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="May be given several times.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--setting", metavar="KEY=JSON", help="Of your own; may be given several times."),
]
SeedOption = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:FUNCTION", help="Writes its first rows: `async def seed(session, tenant)`."
    ),
]


def create(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    tenant_id: Annotated[
        str | None, typer.Option("--id", help="A new UUID by default, or a slug of the name.")
    ] = None,
    plan: Plan = None,
    tag: Tags = None,
    setting: Settings = None,
    seed: SeedOption = None,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Make a tenant: its record, its schema or database, its first rows."""
    settings, function = _settings(setting), _seed(seed)
    record = with_tenants(
        config,
        lambda tenants: tenants.create(
            name, plan or "", id=tenant_id, settings=settings, tags=tag or (), seed=function
        ),
    )
    done(record, as_json)


def change(
    tenant: TenantArgument,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    plan: Plan = None,
    tag: Tags = None,
    setting: Settings = None,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Change a tenant's name, plan, tags or settings; what is not given stays."""
    settings = _settings(setting)

    async def work(tenants: Tenants) -> TenantRecord:
        known = await tenants.get(tenant)
        return await tenants.change(
            tenant,
            name=name,
            plan=plan,
            tags=tag,
            settings={**known.settings, **settings} if settings else None,
        )

    done(with_tenants(config, work), as_json)


def recover(seed: SeedOption = None, config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Finish the tenants whose making was cut short."""
    function = _seed(seed)
    records = with_tenants(config, lambda tenants: tenants.recover(seed=function))
    if as_json:
        print_json([record_json(record) for record in records])
        return
    for record in records:
        typer.echo(f"{record.id} is {record.status}")
    if not records:
        typer.echo("There was nothing to finish.")


def template(
    warm: Annotated[
        int | None, typer.Option(min=0, help="How many to keep ready; [multitenancy] warm.")
    ] = None,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Make the template anew that new tenants are copied from, and fill the pool of ready ones.

    Tenants that are made meanwhile are copied from the template before.
    """
    report = with_tenants(config, lambda tenants: tenants.renew_template(warm=warm))
    if as_json:
        print_json(asdict(report))
    else:
        typer.echo(
            f"template {report.template} at {report.revision or 'no revision'}; "
            f"{len(report.removed)} earlier ones removed, {report.warmed} copies made ready"
        )


def done(record: TenantRecord, as_json: bool) -> None:
    """Say how a command left the tenant: its id on stdout, for scripts."""
    if as_json:
        print_json(record_json(record))
    else:
        typer.echo(record.id)
        typer.echo(f"{record.name} is {record.status}", err=True)


def _settings(given: list[str] | None) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise SetupError(f"--setting {text!r}: write KEY=JSON, such as seats=5")
        try:
            settings[key] = json.loads(value)
        except ValueError:
            settings[key] = value  # a word needs no quotes
    return settings


def _seed(named: str | None) -> Seed | None:
    if named is None:
        return None
    found = load_target(named)
    if not callable(found):
        raise SetupError(f"--seed {named}: that is no function")
    return cast(Seed, found)

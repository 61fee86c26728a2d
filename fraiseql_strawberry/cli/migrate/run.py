"""`migrate` itself: all tenants to head."""

from __future__ import annotations

import asyncio
import signal
from enum import StrEnum
from typing import Annotated

import typer

from ...config import Config
from ...errors import SetupError
from ...lifecycle.migrate.connecting import open_driver
from ...lifecycle.migrate.dry_run import Said, dry_run
from ...lifecycle.migrate.fleet import open_fleet
from ...lifecycle.migrate.new_tenants import refresh_template
from ...lifecycle.migrate.plan import make_plan
from ...lifecycle.migrate.report import Report
from ...lifecycle.migrate.runner import Options, Runner
from ...lifecycle.migrate.scripts import Scripts
from ..options import AsJson, ConfigPath, read_config
from ..terminal import console, print_json, warn
from .gate import gate
from .options import Recheck, Tags, Tenants, read_selection
from .progress import RunProgress
from .summary import as_data, show

__all__ = ["run"]

_INTERRUPTED = 130


class OnError(StrEnum):
    """What a failure means for the other tenants."""

    STOP = "stop"
    CONTINUE = "continue"


def run(
    context: typer.Context,
    tenant: Tenants = None,
    tag: Tags = None,
    to: Annotated[
        str, typer.Option(metavar="REVISION", help="The revision to go to; all heads by default.")
    ] = "heads",
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Print the SQL for each tenant; change nothing.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that was cut short.")
    ] = False,
    canary: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Migrate N tenants first; then ask, or --check."),
    ] = None,
    check: Annotated[
        str | None,
        typer.Option(metavar="COMMAND", help="Run after the first wave; it must exit with 0."),
    ] = None,
    on_error: Annotated[
        OnError, typer.Option(help="What a failure means for the others.")
    ] = OnError.STOP,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many tenants at a time.")] = 4,
    each: Annotated[
        bool, typer.Option("--each", help="Run Alembic for each tenant, not one script for all.")
    ] = False,
    recheck: Recheck = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Bring the tables of every tenant to the newest revision of your Alembic directory.

    Each tenant is one transaction that ends with checks: it is at head, or as it was before.
    Ctrl-C lets those finish that are under way; what is left is for --resume.
    """
    if context.invoked_subcommand is not None:
        return
    settings = read_config(config)
    scripts = Scripts.of(settings)
    options = Options(
        target=to,
        selection=read_selection(settings, tenant, tag),
        resume=resume,
        canary=canary,
        on_error=on_error.value,
        workers=workers,
        replay=not each,
        recheck=recheck,
    )
    _refuse_contradictions(options, check)
    if dry:
        _show_sql(asyncio.run(_said(settings, scripts, options)), as_json=as_json)
        return
    report = asyncio.run(_run(settings, scripts, options, check, yes=yes, quiet=as_json))
    if as_json:
        print_json(as_data(report))
    else:
        show(report, console())
    if report.stopped == "interrupt":
        raise typer.Exit(_INTERRUPTED)
    if report.failed or report.stopped is not None:
        raise typer.Exit(1)


def _refuse_contradictions(options: Options, check: str | None) -> None:
    if options.resume and (options.selection or options.target != "heads"):
        raise SetupError("--resume goes on with what was begun: leave --tenant, --tag and --to out")
    if check is not None and options.canary is None:
        raise SetupError("--check is run after a first wave: say how many with --canary N")


async def _run(
    config: Config,
    scripts: Scripts,
    options: Options,
    check: str | None,
    *,
    yes: bool,
    quiet: bool,
) -> Report:
    progress = RunProgress(quiet=quiet)
    runner = Runner(
        open_fleet(config),
        scripts,
        options,
        watcher=progress,
        gate=gate(check, yes=yes, progress=progress) if options.canary is not None else None,
        prepare=lambda: refresh_template(config),
    )
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    asked = 0

    def interrupt() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            runner.stop()
            warn("stopping when those are done that are under way; Ctrl-C again cuts them off")
        else:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    try:
        with progress:
            return await runner.run()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _said(config: Config, scripts: Scripts, options: Options) -> list[Said]:
    fleet = open_fleet(config)
    async with open_driver(fleet.control) as control:
        places = await fleet.places(control, options.selection)
        revisions = await fleet.revisions(control, places, recheck=options.recheck)
    plan = make_plan(places, revisions, scripts, options.target)
    for lost in plan.lost:
        assert lost.failure is not None
        warn(f"{lost.place.tenant}: {lost.failure.message}")
    return list(dry_run(plan.tasks, fleet.rules, scripts, options.target))


def _show_sql(said: list[Said], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "tenants": [
                    {
                        "tenant": one.place.tenant,
                        "schema": one.place.schema,
                        "before": list(one.before),
                        "pending": list(one.pending),
                        "sql": one.sql,
                    }
                    for one in said
                ]
            }
        )
        return
    for one in said:
        way = " → ".join((", ".join(one.before) or "nothing", *one.pending))
        typer.echo(f"-- tenant {one.place.tenant} (schema {one.place.schema}): {way}\n{one.sql}\n")
    if not said:
        typer.echo("-- every tenant is at head")

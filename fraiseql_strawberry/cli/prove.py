"""`prove`: attacks on the isolation of a live database, and the page for whoever asks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ..check.prove import Outcome, Proof, render_page
from ..check.prove.page import MARKS, matrix
from ..config import Config
from ..errors import SetupError
from .options import AsJson, ConfigPath, read_config, read_tenant
from .proving import Wanted, run_proof
from .terminal import console, print_json

__all__ = ["prove"]

_STYLES = {
    Outcome.CLOSED: "green",
    Outcome.HOLE: "bold red",
    Outcome.UNCLEAR: "yellow",
    Outcome.NOT_TRIED: "dim",
}


def prove(
    config: ConfigPath = None,
    as_data: AsJson = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the proof there, as one page.")
    ] = None,
    tenants: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Two tenants; made up for row isolation by default."),
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(metavar="MODULE[:ATTR]", help="Also ask every query field of this schema."),
    ] = None,
    clone: Annotated[
        bool,
        typer.Option(
            "--clone",
            help="Attack a clone of the database, and call every function there. "
            "[database] admin_url makes it and drops it; nobody else may be connected.",
        ),
    ] = False,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A scope that callers of mutations hold, on a clone. Can be repeated.",
        ),
    ] = None,
    allow_function: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Call this function without a clone; it is rolled back. Can be repeated.",
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="CHECK_DATABASE_URL",
            help="The database, as the application role; [database] url by default.",
        ),
    ] = None,
) -> None:
    """Try to reach one tenant's rows as another, in every way that the application role has.

    Every attack is rolled back, or done to a clone. The exit code is 1 when one gets through.
    """
    settings = read_config(config)
    pair = (
        (read_tenant(tenants[0], settings), read_tenant(tenants[1], settings)) if tenants else None
    )
    if schema is not None and pair is None:
        raise SetupError("--schema needs two tenants with rows: --tenants A B")
    wanted = Wanted(
        database=database,
        tenants=pair,
        schema=schema,
        scopes=tuple(scope or ()),
        clone=clone,
        functions=tuple(allow_function or ()),
    )
    with _bar(hidden=as_data) as bar:
        proof = asyncio.run(_prove(settings, wanted, bar))
    if html is not None:
        html.write_text(render_page(proof), encoding="utf-8")
    if as_data:
        print_json(_as_json(proof))
    else:
        show(proof, console())
    if proof.holes or not proof.count(Outcome.CLOSED):
        raise typer.Exit(1)


async def _prove(config: Config, wanted: Wanted, bar: Progress) -> Proof:
    task = bar.add_task("", total=None)

    def progress(done: int, total: int, name: str) -> None:
        bar.update(task, completed=done, total=total, description=name)

    return await run_proof(config, wanted, progress)


def _bar(*, hidden: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=hidden,
    )


def show(proof: Proof, out: Console) -> None:
    """Print the matrix, and the statements that got through.

    Args:
        proof: What was tried.
        out: Where to.
    """
    columns, rows = matrix(proof)
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="center")
    for target, attempts in rows.items():
        cells = [attempts.get(column) for column in columns]
        table.add_row(
            Text(target),
            *(Text(MARKS[one.outcome], _STYLES[one.outcome]) if one else "" for one in cells),
        )
    out.print(table)
    for one in proof.holes:
        out.print(Text(f"✗ {one.target}: {one.action} as {one.who}: {one.seen}", "bold red"))
        out.print(Text(one.statement))
    for outcome in (Outcome.UNCLEAR, Outcome.NOT_TRIED):
        for one in proof.attempts:
            if one.outcome is outcome:
                said = f"{MARKS[outcome]} {one.target}: {one.action} as {one.who}: {one.seen}"
                out.print(Text(said, _STYLES[outcome]))
    if proof.shared:
        out.print(Text("not attacked, no tenant column: " + ", ".join(proof.shared), "dim"))
    counts = ", ".join(f"{proof.count(one)} {one.value}" for one in Outcome)
    out.print(f"{proof.database} as {proof.role}: {counts} ({proof.seconds:.1f} s)")


def _as_json(proof: Proof) -> dict[str, Any]:
    return {
        "database": proof.database,
        "role": proof.role,
        "strategy": proof.strategy,
        "versions": proof.versions,
        "tenants": list(proof.tenants),
        "began": proof.began.isoformat(),
        "seconds": proof.seconds,
        "counts": {one.value: proof.count(one) for one in Outcome},
        "attempts": [
            {
                "target": one.target,
                "action": one.action.value,
                "who": one.who.value,
                "outcome": one.outcome.value,
                "seen": one.seen,
                "statement": one.statement,
            }
            for one in proof.attempts
        ],
        "shared": list(proof.shared),
    }

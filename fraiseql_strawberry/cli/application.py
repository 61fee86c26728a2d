"""All commands, with an example of each."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from .check import check
from .failures import Commands
from .init import init
from .migrate import migrate
from .prove import prove
from .schema import schema
from .seal import seal
from .serve import serve
from .sql import sql
from .tenants import tenants
from .token import token

__all__ = ["app"]

_EXAMPLES = {
    check: "fraiseql-strawberry check --fix-sql mend.sql",
    init: "fraiseql-strawberry init --strategy row",
    prove: "fraiseql-strawberry prove --html proof.html",
    schema: "fraiseql-strawberry schema blog.schema > schema.graphql",
    serve: "fraiseql-strawberry serve blog.app:app --reload",
    sql: "fraiseql-strawberry sql '{ posts { id } }' --schema blog.schema --tenant $TENANT",
    token: "fraiseql-strawberry token --tenant $TENANT --scope write:posts",
}

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    # A traceback of rich's shows local variables' code; an unexpected one is Python's own.
    pretty_exceptions_enable=False,
    help="Multi-tenancy on PostgreSQL for FastAPI and Strawberry.",
    epilog="Exit codes: 0 success, 1 it failed, 2 a mistake in the call or the configuration.",
)

for _command, _example in _EXAMPLES.items():
    app.command(epilog=f"Example: `{_example}`")(_command)

app.add_typer(migrate, name="migrate", epilog="Example: `fraiseql-strawberry migrate --canary 10`")
app.add_typer(seal, name="seal", epilog="Example: `fraiseql-strawberry seal rotate`")
app.add_typer(tenants, name="tenants", epilog="Example: `fraiseql-strawberry tenants list`")


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        number = version("fraiseql-strawberry")
    except PackageNotFoundError:  # it runs from its source
        number = "(not installed)"
    typer.echo(f"fraiseql-strawberry {number}")
    raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Multi-tenancy on PostgreSQL for FastAPI and Strawberry."""

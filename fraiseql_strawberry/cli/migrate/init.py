"""`migrate init`: an Alembic directory to begin with."""

from __future__ import annotations

import contextlib
import io
from importlib import resources
from pathlib import Path
from typing import Annotated

import alembic.command
import typer
from alembic.config import Config as AlembicConfig
from alembic.util import CommandError

from ...errors import SetupError
from ..options import AsJson
from ..terminal import print_json

__all__ = ["init"]


def init(
    directory: Annotated[Path, typer.Argument(help="The folder of revisions.")] = Path(
        "migrations"
    ),
    as_json: AsJson = False,
) -> None:
    """Write an Alembic directory whose env.py finds the tenants, and alembic.ini.

    `alembic revision` then works as everywhere; where the databases are stands in fraiseql.toml.
    """
    ini = Path("alembic.ini")
    if ini.exists():
        raise SetupError(f"there is already {ini}: its env.py needs only to call run()")
    template = resources.files("fraiseql_strawberry.alembic").joinpath("template")
    said = io.StringIO()
    with resources.as_file(template) as folder, contextlib.redirect_stdout(said):
        try:
            alembic.command.init(AlembicConfig(ini), str(directory), template=str(folder))
        except CommandError as error:
            raise SetupError(str(error)) from error
    files = [str(ini), *(str(directory / name) for name in ("env.py", "script.py.mako", "README"))]
    if as_json:
        print_json({"files": files})
        return
    for file in files:
        typer.echo(f"wrote {file}")
    typer.echo(
        "\nNext:\n"
        f"  1. Let {directory / 'env.py'} pass the MetaData of your tables to run().\n"
        '  2. alembic revision -m "first" writes a revision; add the tables.\n'
        "  3. fraiseql-strawberry migrate brings every tenant there."
    )

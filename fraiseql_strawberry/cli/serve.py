"""`fraiseql-strawberry serve`: uvicorn over an app, or over nothing but a schema module."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ..errors import SetupError
from .failures import code_of
from .options import ConfigPath, read_config
from .serving import CONFIG_VARIABLE, TARGET_VARIABLE, make_app

_run: Callable[..., Any] | None
try:
    from uvicorn import run
except ImportError:  # it comes with the extra "server"
    _run = None
else:
    _run = run

__all__ = ["serve"]

_FACTORY = "fraiseql_strawberry.cli.serving:create_app"


def serve(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="MODULE[:ATTRIBUTE]",
            help="A FastAPI app, a function that makes one, or a module of decorated fields.",
        ),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Where to listen, not [server] host.")] = None,
    port: Annotated[
        int | None, typer.Option(help="0 takes any free one.", min=0, max=65_535)
    ] = None,
    reload: Annotated[bool, typer.Option("--reload", help="Restart when a file changes.")] = False,
    workers: Annotated[int, typer.Option(help="Processes.", min=1, max=1024)] = 1,
    config: ConfigPath = None,
) -> None:
    """Serve an app, or a schema module at /graphql, with uvicorn.

    Host and port are those of [server] in the configuration unless given.
    """
    if target is None:
        raise SetupError(
            "say what to serve: `fraiseql-strawberry serve blog.app:app` for a FastAPI app, or "
            "`fraiseql-strawberry serve blog.schema` for a module of decorated fields"
        )
    if _run is None:
        raise SetupError('serve needs uvicorn: pip install "fraiseql-strawberry[server]"')
    if reload and workers > 1:
        raise SetupError("--reload goes with one worker only: take --workers out")
    settings = read_config(config)
    app = make_app(target, settings)
    listen: dict[str, Any] = {
        "host": settings.server.host if host is None else host,
        "port": settings.server.port if port is None else port,
        "interface": "asgi3",
    }
    if not reload and workers == 1:
        try:
            _run(app, **listen)
        except SystemExit:
            if app.failure is not None:  # uvicorn has logged it
                raise typer.Exit(code_of(app.failure)) from app.failure
            raise
        return
    # Each process makes the app itself; what it needs to know travels in the environment.
    os.environ[TARGET_VARIABLE] = target
    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config)
    _run(_FACTORY, factory=True, reload=reload, workers=workers, **listen)

"""From what `serve` is told to an ASGI app, in this process or in one of uvicorn's."""

from __future__ import annotations

import inspect
import logging
import os
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import strawberry
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..config import Config
from ..errors import SchemaError, SetupError, TenancyError
from ..graphql.extension import TenancyExtension
from ..graphql.router import GraphQLRouter
from ..tenancy import Tenancy
from .failures import redacted
from .options import read_config
from .target import load_target, schema_of

__all__ = ["CONFIG_VARIABLE", "TARGET_VARIABLE", "ServedApp", "create_app", "make_app"]

TARGET_VARIABLE = "FRAISEQL_SERVE"
CONFIG_VARIABLE = "FRAISEQL_CONFIG"

_log = logging.getLogger("fraiseql_strawberry")


class ServedApp:
    """An ASGI app that says in one line why it does not start, where a traceback would come.

    Args:
        app: The app.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.failure: SetupError | TenancyError | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        refused: list[Message] = []

        async def hold_refusal(message: Message) -> None:
            # Starlette's holds a traceback; the exception that says what it means comes after it.
            if message["type"] == "lifespan.startup.failed":
                refused.append(message)
            else:
                await send(message)

        try:
            await self.app(scope, receive, hold_refusal)
        except (SetupError, TenancyError) as error:
            if not refused:
                raise
            self.failure = error
            text = redacted(str(error))
            await send({"type": "lifespan.startup.failed", "message": text})
        except BaseException:
            for message in refused:
                await send(message)
            raise
        else:
            for message in refused:
                await send(message)


def create_app() -> ServedApp:
    """The app of a worker process, which finds in the environment what to serve."""
    path = os.environ.get(CONFIG_VARIABLE)
    return make_app(os.environ[TARGET_VARIABLE], read_config(Path(path) if path else None))


def make_app(target: str, config: Config) -> ServedApp:
    """Find or make the app that a target names.

    Args:
        target: An app, a function that makes one, a schema, or a module of decorated fields.
        config: For schemas; an app has its own.

    Raises:
        SetupError: It is none of these.
    """
    value = load_target(target)
    app = _app_of(value, target, config)
    _log_to_stderr()
    return ServedApp(app)


def _app_of(value: object, target: str, config: Config) -> ASGIApp:
    if isinstance(value, Starlette):
        return value
    if isinstance(value, (ModuleType, strawberry.Schema)):
        return _app_over(_schema(value, target), config)
    if inspect.isclass(value) or not callable(value):
        raise SetupError(f"{target} is neither an app nor a schema")
    if _is_factory(value):
        made: Any = value()
        return _app_of(made, f"{target}()", config)
    return cast(ASGIApp, value)


def _is_factory(value: Any) -> bool:
    """Whether it makes an app when called without arguments, and is none itself."""
    if not inspect.isfunction(value) or inspect.iscoroutinefunction(value):
        return False
    return not any(
        parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        for parameter in inspect.signature(value).parameters.values()
    )


def _schema(value: ModuleType | strawberry.Schema, target: str) -> strawberry.Schema:
    try:
        schema = schema_of(value, target)
    except SchemaError as error:
        names = [name for name, one in vars(value).items() if isinstance(one, Starlette)]
        if not names:
            raise
        raise SetupError(f"{error}; or did you mean the app {target}:{names[0]}?") from error
    if TenancyExtension not in schema.extensions:
        # Its guards are wired to a tenancy of its own, or to none at all.
        raise SetupError(
            f"{target} is a hand-written schema: serve the app that mounts it (module:app), "
            "or make the schema with build_schema"
        )
    return schema


def _app_over(schema: strawberry.Schema, config: Config) -> FastAPI:
    tenancy = Tenancy(config)
    app = FastAPI(title=config.project.name, lifespan=tenancy.lifespan)
    app.include_router(GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")
    return app


def _log_to_stderr() -> None:
    """Show our messages beside uvicorn's, unless the app has set logging up itself."""
    if not _log.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        _log.addHandler(handler)
        _log.setLevel(logging.INFO)

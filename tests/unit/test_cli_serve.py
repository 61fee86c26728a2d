from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send
from typer.testing import CliRunner, Result

from fraiseql_strawberry.cli.application import app
from fraiseql_strawberry.cli.serving import ServedApp, create_app, make_app
from fraiseql_strawberry.config import Config
from fraiseql_strawberry.errors import ServiceUnavailable, SetupError

MODULE = """
import strawberry
from fastapi import FastAPI

app = FastAPI()

def make():
    return app

def make_nothing():
    return 3

def needs(argument):
    ...

async def plain(scope, receive, send):
    ...

@strawberry.type
class Root:
    hello: str = "world"

by_hand = strawberry.Schema(Root)
"""

CONFIG = Config.from_env({"DATABASE_URL": "postgresql://app:x@localhost/blog"})


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`cli_served` in the working folder."""
    (tmp_path / "cli_served.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "cli_served", raising=False)
    for name in ("FRAISEQL_CONFIG", "FRAISEQL_SERVE", "FRAISEQL_ENV", "JWT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:x@localhost/blog")


class Uvicorn:
    """Stands for `uvicorn.run`: keeps what it is called with."""

    def __init__(self) -> None:
        self.app: Any = None
        self.options: dict[str, Any] = {}

    def __call__(self, app: Any, **options: Any) -> None:
        self.app, self.options = app, options


@pytest.fixture
def uvicorn(monkeypatch: pytest.MonkeyPatch) -> Uvicorn:
    stand_in = Uvicorn()
    monkeypatch.setattr("fraiseql_strawberry.cli.serve._run", stand_in)
    return stand_in


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["serve", *arguments])


# -- what is served --------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["cli_served:app", "cli_served:make"])
def test_an_app_or_what_makes_one(target: str) -> None:
    assert make_app(target, CONFIG).app is sys.modules["cli_served"].app


def test_any_asgi_app() -> None:
    assert make_app("cli_served:plain", CONFIG).app is sys.modules["cli_served"].plain


def test_a_schema_module_gets_an_app_around_it() -> None:
    made = make_app("example_app.schema", CONFIG).app
    assert isinstance(made, FastAPI)
    assert made.title == CONFIG.project.name


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("cli_served", r"has no query: .*; or did you mean the app cli_served:app\?"),
        ("cli_served:by_hand", "is a hand-written schema: serve the app that mounts it"),
        ("cli_served:Root", "is neither an app nor a schema"),
        ("cli_served:__name__", "is neither an app nor a schema"),
        ("cli_served:make_nothing", r"make_nothing\(\) is neither an app nor a schema"),
    ],
)
def test_what_cannot_be_served(target: str, said: str) -> None:
    with pytest.raises(SetupError, match=said):
        make_app(target, CONFIG)


def test_a_function_that_needs_arguments_is_taken_for_asgi() -> None:
    assert make_app("cli_served:needs", CONFIG).app is sys.modules["cli_served"].needs


# -- the command -----------------------------------------------------------------------------


def test_the_address_is_that_of_the_configuration(uvicorn: Uvicorn) -> None:
    Path("fraiseql.toml").write_text('[server]\nhost = "0.0.0.0"\nport = 9000\n')
    assert run("cli_served:app").exit_code == 0
    assert isinstance(uvicorn.app, ServedApp)
    assert (uvicorn.options["host"], uvicorn.options["port"]) == ("0.0.0.0", 9000)
    run("cli_served:app", "--host", "::1", "--port", "0")
    assert (uvicorn.options["host"], uvicorn.options["port"]) == ("::1", 0)


@pytest.mark.parametrize("option", [("--reload",), ("--workers", "3")])
def test_other_processes_make_the_app_themselves(
    uvicorn: Uvicorn, option: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = dict(os.environ)
    monkeypatch.setattr(os, "environ", environment)
    Path("named.toml").touch()
    assert run("cli_served:app", "--config", "named.toml", *option).exit_code == 0
    assert uvicorn.app == "fraiseql_strawberry.cli.serving:create_app"
    assert uvicorn.options["factory"] is True
    assert uvicorn.options["reload" if option == ("--reload",) else "workers"] in (True, 3)
    assert environment["FRAISEQL_CONFIG"] == "named.toml"
    assert create_app().app is sys.modules["cli_served"].app


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say what to serve: `fraiseql-strawberry serve blog.app:app`"),
        (("cli_served:app", "--reload", "--workers", "2"), "one worker only"),
        (("nowhere_at_all",), "there is no module 'nowhere_at_all'"),
        (("cli_served:app", "--config", "no.toml"), "no.toml: there is no such file"),
    ],
)
def test_a_wrong_call(uvicorn: Uvicorn, arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert uvicorn.app is None


def test_without_uvicorn_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from fraiseql_strawberry.cli import main; main()"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code, "serve", "cli_served:app"],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        'error: serve needs uvicorn: pip install "fraiseql-strawberry[server]"\n'
    )


# -- an app that does not start --------------------------------------------------------------


def starlette_like(error: BaseException, *, started: bool = False) -> Callable[..., Any]:
    """What Starlette's lifespan does with an exception."""

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        if started:
            await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.failed", "message": "Traceback …"})
        else:
            await send({"type": "lifespan.startup.failed", "message": "Traceback …"})
        raise error

    return lifespan


async def lifespan_messages(served: ServedApp) -> list[Message]:
    """What the server hears; exceptions come out."""
    heard: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        heard.append(message)

    try:
        await served({"type": "lifespan"}, receive, send)
    except (SetupError, LookupError) as error:
        heard.append({"type": type(error).__name__})
    return heard


@pytest.mark.parametrize(
    "error", [SetupError("no role at postgresql://app:hunter2@db/x"), ServiceUnavailable()]
)
async def test_an_expected_reason_takes_the_place_of_the_traceback(error: Exception) -> None:
    served = ServedApp(starlette_like(error))
    (heard,) = await lifespan_messages(served)
    assert heard["type"] == "lifespan.startup.failed"
    assert heard["message"] == str(error).replace("hunter2", "***")
    assert served.failure is error


async def test_another_fault_keeps_its_traceback() -> None:
    served = ServedApp(starlette_like(LookupError()))
    heard = await lifespan_messages(served)
    assert heard == [
        {"type": "lifespan.startup.failed", "message": "Traceback …"},
        {"type": "LookupError"},
    ]
    assert served.failure is None


async def test_a_failing_shutdown_is_reported_as_it_is() -> None:
    served = ServedApp(starlette_like(SetupError("late"), started=True))
    heard = await lifespan_messages(served)
    assert [message["type"] for message in heard] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.failed",
        "SetupError",
    ]


async def test_an_app_that_refuses_without_raising() -> None:
    async def refuses(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.startup.failed", "message": "not today"})

    heard = await lifespan_messages(ServedApp(refuses))
    assert heard == [{"type": "lifespan.startup.failed", "message": "not today"}]

from __future__ import annotations

import json

from typer.testing import CliRunner

import fraiseql_strawberry as fraiseql
from example_app import schema as blog
from fraiseql_strawberry.cli.application import app

SDL = fraiseql.build_schema(blog).as_str()


def test_the_sdl_of_a_module() -> None:
    result = CliRunner().invoke(app, ["schema", "example_app.schema"])
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{SDL}\n", "")


def test_the_sdl_as_json() -> None:
    result = CliRunner().invoke(app, ["schema", "example_app.schema", "--json"])
    assert json.loads(result.stdout) == {"sdl": SDL}


def test_what_is_no_schema() -> None:
    result = CliRunner().invoke(app, ["schema", "example_app.app:create_app"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: example_app.app:create_app is a function: name a ")

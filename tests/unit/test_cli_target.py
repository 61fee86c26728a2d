from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import strawberry

from fraiseql_strawberry.cli.target import load_schema, load_target
from fraiseql_strawberry.errors import ConfigError, SetupError

MODULE = """
import fraiseql_strawberry as fraiseql

@fraiseql.query
def hello() -> str:
    return "hello"

built = fraiseql.build_schema([hello])
"""

WriteFile = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteFile]:
    """Writes modules into the working folder; what was imported from it is forgotten after."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    yield write
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def test_a_module_in_the_working_folder(write: WriteFile) -> None:
    write("cli_blog.py", MODULE)
    assert load_target("cli_blog") is sys.modules["cli_blog"]
    assert isinstance(load_target("cli_blog:built"), strawberry.Schema)
    assert load_target("cli_blog:built.query.__name__") == "Query"


def test_a_module_or_a_schema_is_a_schema(write: WriteFile) -> None:
    write("cli_blog.py", MODULE)
    assert load_schema("cli_blog").as_str() == load_schema("cli_blog:built").as_str()
    assert "hello: String!" in load_schema("cli_blog").as_str()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("cli_blogg", "no module 'cli_blogg' in .* did you mean 'cli_blog'"),
        ("cli_package.shema", "no module 'shema' in the package cli_package; .* 'schema'"),
        ("nowhere_at_all.schema", "no module 'nowhere_at_all' in "),
        ("cli_blog:bilt", "cli_blog has no 'bilt'; did you mean 'built'"),
        ("cli_blog:built.nope", "cli_blog has no 'built.nope'"),
        ("cli_blog.py", "'cli_blog.py' is a file; name the module in it: cli_blog$"),
        ("./cli_package/schema.py:x", "name the module in it: cli_package.schema:x$"),
        ("cli_blog:", "names nothing"),
        ("", "names nothing"),
        ("a b", "names nothing"),
        ("cli_blog:hello", "is a QueryField: name a strawberry.Schema"),
        ("cli_blog:__name__", "is a str: name a strawberry.Schema"),
        ("cli_empty", "cli_empty has no query"),
    ],
)
def test_what_is_not_there_is_explained(write: WriteFile, target: str, said: str) -> None:
    write("cli_blog.py", MODULE)
    write("cli_package/__init__.py", "")
    write("cli_package/schema.py", MODULE)
    write("cli_empty.py", "")
    with pytest.raises(SetupError, match=said):
        load_schema(target)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1\ny = x / 0", r"cannot be imported: ZeroDivisionError: .* \(cli_broken.py:2\)$"),
        ("import not_installed", r"ModuleNotFoundError: .*'not_installed' \(cli_broken.py:1\)$"),
        ("def f(:", r"cannot be imported: SyntaxError: .*\(cli_broken.py, line 1\)$"),
        ("raise SystemExit(3)", r"cannot be imported: SystemExit: 3"),
        ("raise KeyError", r"cannot be imported: KeyError \(cli_broken.py:1\)$"),
    ],
)
def test_a_fault_in_the_module_is_one_line_with_its_place(
    write: WriteFile, code: str, said: str
) -> None:
    write("cli_broken.py", code)
    with pytest.raises(SetupError, match=said):
        load_target("cli_broken")


def test_a_setup_error_of_the_module_is_passed_on(write: WriteFile) -> None:
    write(
        "cli_wrong.py",
        "from fraiseql_strawberry import Tenancy\ntenancy = Tenancy.from_toml('nowhere.toml')",
    )
    with pytest.raises(ConfigError, match=r"nowhere\.toml: there is no such file"):
        load_target("cli_wrong")


def test_what_strawberry_refuses_is_one_line(write: WriteFile) -> None:
    write(
        "cli_odd.py",
        "import fraiseql_strawberry as fraiseql\n"
        "class Plain: ...\n"
        "@fraiseql.query\n"
        "def plain() -> Plain: ...\n",
    )
    with pytest.raises(SetupError, match=r"cli_odd cannot be made a schema: .*Plain"):
        load_schema("cli_odd")

"""Run every code block of a page, top to bottom: `python tests/docs/page.py PAGE...`.

Paths are relative to the working folder, and what blocks see of the world is the environment.

- ```python: all blocks of a page share one module; `await` may stand at the top level.
- ```toml: must load as a fraiseql.toml, unless its first line names another file.
- ```sql: runs as the administrator (`ADMIN_DATABASE_URL`). What a row of SQL blocks did is rolled
  back before the next block of another kind, unless `<!-- keep -->` stands before the block.
- ```bash, ```console (its lines that begin with "$ "): need `<!-- run -->`, or
  `<!-- run: text that the output must hold -->`, or `<!-- not run: reason -->` before them.
- ```json and ```graphql are parsed; ```text and ```mermaid are for people.

A block whose first line is `# file: NAME` (or `-- file: NAME`) is also written to that file; a
Python one is imported from it instead. `<!-- raises: NAME -->` says that a Python block must end
with that exception. A block of another language, or without one, is an error.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import asyncpg
from graphql import parse

from fraiseql_strawberry.config import parse_config

_FENCE = re.compile(r"( *)(`{3,}|~{3,})\s*([^\s`]*).*")
_MARKER = re.compile(r"\s*<!-- (keep|run|not run|raises)(?:: (.+?))? -->\s*")
_FILE = re.compile(r"(?:#|--) file: (\S+)\n")
_SHELL_SECONDS = 120


class PageError(Exception):
    """The page itself is at fault, not the code in it."""


@dataclass(frozen=True)
class Block:
    """A fenced block: `line` is its first line of code; `marker` and `text` the comment before."""

    language: str
    code: str
    line: int
    marker: str = ""
    text: str = ""

    @property
    def file(self) -> str:
        """The file it is written to, or nothing."""
        found = _FILE.match(self.code)
        return found[1] if found else ""

    @property
    def source(self) -> str:
        """The code with empty lines in front, so that errors name the lines of the page."""
        return "\n" * (self.line - 1) + self.code


def blocks(markdown: str) -> Iterator[Block]:
    """Find the fenced blocks, also those indented below a list item or a tab."""
    lines = markdown.splitlines()
    index, before = 0, ""
    while index < len(lines):
        opening = _FENCE.fullmatch(lines[index])
        if not opening:
            before = lines[index] if lines[index].strip() else before
            index += 1
            continue
        closing = re.compile(rf" *{opening[2]}{opening[2][0]}*\s*")
        start = index = index + 1
        while index < len(lines) and not closing.fullmatch(lines[index]):
            index += 1
        if index == len(lines):
            raise PageError(f"line {start}: this fence is never closed")
        code = textwrap.dedent("\n".join(lines[start:index])) + "\n"
        marker = _MARKER.fullmatch(before)
        kind, text = (marker[1], marker[2] or "") if marker else ("", "")
        yield Block(opening[3], code, start + 1, kind, text)
        index, before = index + 1, ""


class Page:
    """One run of a page: the module of its Python blocks, its event loop, its SQL transaction."""

    def __init__(self, name: str, runner: asyncio.Runner) -> None:
        self.name = name
        self.module = ModuleType("docs_page")
        sys.modules["docs_page"] = self.module  # decorators look annotations up there
        self._runner = runner
        self._admin: asyncpg.Connection | None = None

    def run(self, block: Block) -> None:
        handlers: dict[str, Callable[[Block], None]] = {
            "python": self._python,
            "toml": self._toml,
            "sql": self._sql,
            "bash": self._shell,
            "console": self._shell,
            "json": lambda block: json.loads(block.code),
            "graphql": lambda block: parse(block.code) and None,
            "text": lambda _: None,
            "mermaid": lambda _: None,
        }
        if block.language not in handlers:
            raise PageError(f"name the block's language, one of {', '.join(handlers)}")
        if block.language != "sql":
            self.end_transaction()
        if block.file:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.code)
        handlers[block.language](block)

    def end_transaction(self) -> None:
        """Roll back what SQL blocks did that were not to be kept."""
        if self._admin is not None:
            self._runner.run(self._admin.close())
            self._admin = None

    def _python(self, block: Block) -> None:
        if block.file:
            here = str(Path.cwd())
            for name, module in list(sys.modules.items()):
                if (getattr(module, "__file__", None) or "").startswith(here):
                    del sys.modules[name]  # a file that is shown a second time is a new version
            importlib.invalidate_caches()
            importlib.import_module(".".join(Path(block.file).with_suffix("").parts))
            return
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        try:
            code = compile(block.source, self.name, "exec", flags, dont_inherit=True)
            result = eval(code, vars(self.module))
            if inspect.iscoroutine(result):
                self._runner.run(result)
        except Exception as error:
            names = [kind.__name__ for kind in type(error).__mro__]
            if block.marker != "raises" or block.text not in names:
                raise
        else:
            if block.marker == "raises":
                raise PageError(f"it should raise {block.text}")

    def _toml(self, block: Block) -> None:
        if block.file in ("", "fraiseql.toml"):
            parse_config(block.source, file=self.name)

    def _sql(self, block: Block) -> None:
        self._runner.run(self._execute(block))

    async def _execute(self, block: Block) -> None:
        if self._admin is None:
            self._admin = await asyncpg.connect(os.environ["ADMIN_DATABASE_URL"])
            await self._admin.execute("BEGIN")
        await self._admin.execute(block.code)
        if block.marker == "keep":
            await self._admin.execute("COMMIT AND CHAIN")

    def _shell(self, block: Block) -> None:
        if block.marker == "not run" and block.text:
            return
        if block.marker != "run":
            raise PageError("put <!-- run --> or <!-- not run: reason --> before the block")
        script = block.code
        if block.language == "console":
            script = "\n".join(re.findall(r"^\$ (.*)", script, re.MULTILINE))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_SHELL_SECONDS,
            check=False,
        )
        if done.returncode or block.text not in done.stdout:
            wanted = f", without {block.text!r}" if block.text else ""
            raise PageError(f"it ended with code {done.returncode}{wanted}:\n{done.stdout}")


def passes(file: str) -> bool:
    """Run a page, and say what is wrong with it, if anything is."""
    line = 1
    with asyncio.Runner() as runner:
        page = Page(file, runner)
        try:
            for block in blocks(Path(file).read_text("utf-8")):
                line = block.line
                page.run(block)
        except PageError as error:
            sys.stdout.write(f"{file}:{line}: {error}\n")
        except (Exception, SystemExit):  # noqa: BLE001 - whatever ends a block fails the page
            sys.stdout.write(f"{file}:{line}: this block failed\n")
            traceback.print_exc(file=sys.stdout)
        else:
            return True
        finally:
            page.end_transaction()
    return False


if __name__ == "__main__":
    sys.dont_write_bytecode = True  # a second version of a file in the same second looks the same
    sys.path.insert(0, str(Path.cwd()))
    failed = [file for file in sys.argv[1:] if not passes(file)]
    sys.exit(bool(failed))

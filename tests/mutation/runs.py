"""Runs of the tests on a copy of the project, as it is or with a guard taken out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mutation.guards import ROOT, Guard

__all__ = ["Copy"]

_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "site", "*.egg-info")
_PATIENCE = 600  # seconds; a guard whose absence makes everything wait has been noticed


class Copy:
    """A copy of the project, in which guards may be taken out.

    Args:
        root: Where it is.
        admin_url: The server that its tests use.
    """

    def __init__(self, root: Path, admin_url: str) -> None:
        self._root = root
        # The package is installed from the project itself: the copy must come before it.
        self._environment = {
            **os.environ,
            "ADMIN_DATABASE_URL": admin_url,
            "PYTHONPATH": str(root),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    @classmethod
    @contextmanager
    def made(cls, admin_url: str) -> Iterator[Copy]:
        """Make one for the block."""
        with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
            root = Path(folder, "project")
            shutil.copytree(ROOT, root, ignore=_LEFT_OUT)
            copy = cls(root, admin_url)
            copy.is_what_runs()
            yield copy

    def is_what_runs(self) -> None:
        """Make sure that tests here test the copy, and not the project."""
        code = "import fraiseql_strawberry; print(fraiseql_strawberry.__file__)"
        found = subprocess.check_output(
            [sys.executable, "-c", code], cwd=self._root, env=self._environment, text=True
        )
        if self._root not in Path(found.strip()).parents:
            sys.exit(f"error: the tests of the copy would test {found}")

    @contextmanager
    def without(self, guard: Guard) -> Iterator[None]:
        """Take the guard out for the block."""
        path = self._root / guard.file
        whole = path.read_text("utf-8")
        path.write_text(whole.replace(guard.text, guard.replacement), "utf-8")
        try:
            yield
        finally:
            path.write_text(whole, "utf-8")

    def failing(self, tests: Iterable[str]) -> str | None:
        """The first test that fails, or None."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", *tests]
        try:
            done = subprocess.run(
                command,
                cwd=self._root,
                env=self._environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"(no end in {_PATIENCE} s)"
        if done.returncode == 0:
            return None
        for line in done.stdout.splitlines():
            if line.startswith(("FAILED ", "ERROR ")):
                return line.partition(" ")[2].partition(" - ")[0]
        return f"(pytest ended with {done.returncode}: {done.stdout.strip()[-200:]})"

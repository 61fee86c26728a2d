"""The guards that a mutation run takes out, one at a time."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import astuple, dataclass
from pathlib import Path

__all__ = ["ROOT", "Guard", "read_guards"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Guard:
    """One piece of code that keeps tenants apart.

    Args:
        name: What holds because of it.
        hazard: What it stops.
        file: Where it stands, from the root of the project.
        text: Itself; it stands there once.
        replacement: What stands there when it is taken out.
        tests: Those of which one must fail then, as pytest takes them.
    """

    name: str
    hazard: str
    file: str
    text: str
    replacement: str
    tests: tuple[str, ...]

    def is_there(self, root: Path = ROOT) -> bool:
        """Whether the text stands in its file exactly once."""
        path = root / self.file
        return path.is_file() and path.read_text("utf-8").count(self.text) == 1

    def key(self, root: Path = ROOT) -> str:
        """Changes whenever the outcome of its run may: with the guard, its file and its tests."""
        files = [self.file, *(test.partition("::")[0] for test in self.tests)]
        contents = [(root / file).read_bytes() for file in files]
        return hashlib.sha256(repr((astuple(self), contents)).encode()).hexdigest()


def read_guards() -> list[Guard]:
    """All of them, as `guards.toml` lists them."""
    listed = tomllib.loads(Path(__file__).with_name("guards.toml").read_text("utf-8"))["guard"]
    return [Guard(**{**entry, "tests": tuple(entry["tests"])}) for entry in listed]

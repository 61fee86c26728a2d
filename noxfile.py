"""The project's tasks: `python3 noxfile.py -s demo`, `-s tests`, or `nox -s …` where nox is.

Run as a script, this file needs Python 3.11 and nothing else: it installs nox into `.venv-nox`
and hands over to it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
NOX = "nox>=2026.4.10"
STAMP = json.dumps([NOX, sys.version, sys.base_prefix])

# Like pip, let uv trust what the system trusts: behind a company's proxy it could not install.
os.environ.setdefault("UV_SYSTEM_CERTS", "true")


def bootstrap(arguments: list[str]) -> int:
    """Hand over to nox, after installing it if need be; returns its exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this may not know
        sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}")
    folder = ROOT / ".venv-nox"
    if not is_built(folder):
        print(f"Installing nox into {folder} (once)", file=sys.stderr, flush=True)
        build(folder)
    nox_command = [str(python_of(folder)), "-m", "nox", "--noxfile", str(ROOT / "noxfile.py")]
    command = [*nox_command, *arguments]
    if os.name != "nt":
        os.execv(command[0], command)  # one process: signals and the exit code are nox's own
    return subprocess.call(command)


def is_built(folder: Path) -> bool:
    """Whether the folder has the nox that is wanted, for the Python that runs this file."""
    stamp = folder / "built.json"
    return stamp.is_file() and stamp.read_text() == STAMP


def python_of(folder: Path) -> Path:
    """The Python of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def build(folder: Path) -> None:
    """Make a virtual environment with nox in it; ends the program where that fails."""
    # Two commands may start at once in a fresh clone: each builds its own, the first is kept.
    own = folder.with_name(f".venv-nox-{os.getpid()}")
    try:
        if not build_with_uv(own):
            build_with_pip(own)
        (own / "built.json").write_text(STAMP)
        if not is_built(folder):
            shutil.rmtree(folder, ignore_errors=True)
            own.rename(folder)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def build_with_uv(folder: Path) -> bool:
    """Quicker, where uv is installed and works."""
    uv = shutil.which("uv")
    if uv is None:
        return False
    make = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder]
    fill = [uv, "pip", "install", "--quiet", "--python", python_of(folder), NOX]
    return subprocess.call(make) == 0 and subprocess.call(fill) == 0


def build_with_pip(folder: Path) -> None:
    """With what Python brings."""
    if not importlib.util.find_spec("ensurepip"):
        sys.exit("This Python cannot make virtual environments: apt install python3-venv, or uv")
    venv.create(folder, clear=True, with_pip=True)
    if subprocess.call([python_of(folder), "-m", "pip", "install", "--quiet", "--no-compile", NOX]):
        sys.exit("nox could not be installed: see pip's message above")


if __name__ == "__main__":
    sys.exit(bootstrap(sys.argv[1:]))

# Only nox itself comes this far.
import nox  # noqa: E402
from packaging.requirements import Requirement  # noqa: E402

nox.needs_version = NOX.removeprefix("nox")
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "imports", "tests", "docs"]

PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and likely mistakes."""
    install(session, "lint", project=False)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Types: strict for the package."""
    install(session, "lint", "test")
    session.run("pyright")


@nox.session
def imports(session: nox.Session) -> None:
    """The layers: a module imports only from those below it."""
    install(session, "lint", project=False)
    session.run("lint-imports")


@nox.session
def tests(session: nox.Session) -> None:
    """The test suite, on the Python that runs nox."""
    install(session, "test")
    pytest(session)


@nox.session(python=PYTHONS)
def tests_all(session: nox.Session) -> None:
    """The test suite, on each Python version that the classifiers name."""
    install(session, "test")
    pytest(session)


@nox.session
def lowest(session: nox.Session) -> None:
    """The test suite, on the declared lower bound of every dependency."""
    install(session, "test", pins=lower_bounds())
    pytest(session)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, warnings being errors, and run its code blocks."""
    install(session, "docs", "test")
    session.run("zensical", "build", "--clean", "--strict")
    session.run("pytest", "tests/docs", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Serve the example blog on an embedded PostgreSQL; options follow `--`."""
    install(session, "demo")
    if os.name == "nt":
        session.run("python", "-m", "example_app", *session.posargs)
    # The demo takes the place of nox, so that Ctrl-C and SIGTERM reach it, and it alone.
    python = str(Path(session.bin, "python"))
    os.execv(python, [python, "-m", "example_app", *session.posargs])


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the lanes against other services; options follow `--`."""
    install(session, "test")
    session.run("python", "tests/bench", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """A million operations of each strategy, in disorder; options follow `--`."""
    install(session, "test")
    session.run("python", "tests/soak", *session.posargs)


@nox.session
def mutation(session: nox.Session) -> None:
    """Take out each guard in turn: the tests must notice; options follow `--`."""
    install(session, "test")
    session.run("python", "tests/mutation", *session.posargs)


def pytest(session: nox.Session) -> None:
    """Run pytest in parallel, a file's tests together, since they share databases."""
    session.run("pytest", "-n", "auto", "--dist", "loadfile", *session.posargs)


def lower_bounds() -> list[str]:
    """Each declared dependency, pinned to the oldest version that its declaration admits."""
    project = PYPROJECT["project"]
    declared = itertools.chain(project["dependencies"], *project["optional-dependencies"].values())
    pins: list[str] = []
    for requirement in map(Requirement, declared):
        (oldest,) = (one.version for one in requirement.specifier if one.operator in (">=", "=="))
        marker = f"; {requirement.marker}" if requirement.marker else ""
        pins.append(f"{requirement.name}=={oldest}{marker}")
    return pins


def install(
    session: nox.Session, *groups: str, project: bool = True, pins: list[str] | None = None
) -> None:
    """Install the project and dependency groups, unless nothing changed since the last time.

    Args:
        session: Where to.
        groups: Names of dependency groups in pyproject.toml.
        project: Whether the project itself is wanted, from this folder.
        pins: Constraints on the versions.
    """
    requirements = [*map(Requirement, nox.project.dependency_groups(PYPROJECT, *groups))]
    name = PYPROJECT["project"]["name"]
    wanted = [str(requirement) for requirement in requirements if requirement.name != name]
    if project:
        # A group names the project for its extras; older pips would look for that on PyPI.
        extras = {extra for one in requirements if one.name == name for extra in one.extras}
        wanted += ["--editable", f".[{','.join(sorted(extras))}]"]
    state = json.dumps([PYPROJECT, str(ROOT), wanted, pins], sort_keys=True)
    digest = hashlib.sha256(state.encode()).hexdigest()
    environment = Path(session.virtualenv.location)
    stamp = environment / "installed.txt"
    if stamp.is_file() and stamp.read_text() == digest:
        return
    stamp.unlink(missing_ok=True)
    if pins:
        constraints = environment / "pins.txt"
        constraints.write_text("\n".join(pins))
        wanted += ["--constraint", str(constraints)]
    # Most modules are never imported: compiling all of them is a third of the time.
    session.install("--no-compile", *wanted)
    stamp.write_text(digest)

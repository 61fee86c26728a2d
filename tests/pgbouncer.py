"""A real PgBouncer in front of the tests' PostgreSQL.

The program is the system's, the one that `PGBOUNCER` names, or Debian's package, which is
downloaded once and unpacked, not installed: that needs no root and changes nothing on the machine.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from example_app.database import Urls
from fraiseql_strawberry.embedded.account import Account

__all__ = ["PgBouncer", "PgBouncerMissing", "Program", "find_program"]

Mode = Literal["session", "transaction"]

HOST = "127.0.0.1"
_ATTEMPTS = 3  # between choosing a free port and using it, another program may take it
_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1


class PgBouncerMissing(Exception):
    """There is none on this machine; the message says why it could not be fetched."""


class Program:
    """A PgBouncer that can be run.

    Args:
        path: The executable.
        libraries: Where shared libraries are that the system has not got.
    """

    def __init__(self, path: Path, libraries: Path | None = None) -> None:
        self.path = path
        self.libraries = libraries


def find_program(cache: Path) -> Program:
    """The machine's PgBouncer, or else Debian's package, unpacked in `cache`.

    Raises:
        PgBouncerMissing: When there is none and it cannot be fetched.
    """
    search = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
    installed = os.environ.get("PGBOUNCER") or shutil.which("pgbouncer", path=search)
    if installed:
        return Program(Path(installed))
    cache.mkdir(parents=True, exist_ok=True)
    unpacked = cache / "unpacked"
    with _locked(cache / "lock"):  # several workers, one download
        if not unpacked.exists():
            _unpack(cache, unpacked)
    libraries = next(unpacked.glob("usr/lib/*-linux-gnu*"), None)
    return Program(unpacked / "usr/sbin/pgbouncer", libraries)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unpack(cache: Path, target: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise PgBouncerMissing("it is not installed, and this is no Debian to fetch it from")
    archives, unfinished = cache / "archives", cache / "unfinished"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    shutil.rmtree(unfinished, ignore_errors=True)
    options = [f"Dir::Cache::archives={archives}", "Debug::NoLocking=1"]
    command = ["apt-get", "-y", *(word for option in options for word in ("-o", option))]
    command += ["--no-install-recommends", "--download-only", "install", "pgbouncer"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    packages = sorted(archives.glob("*.deb"))
    if done.returncode or not packages:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise PgBouncerMissing(f"apt-get could not fetch it: {said[-1] if said else 'no word'}")
    for package in packages:
        subprocess.run(["dpkg-deb", "-x", package, unfinished], check=True)
    unfinished.rename(target)


class PgBouncer:
    """One running PgBouncer on a free port of 127.0.0.1, in front of one server, for all databases.

    Roles log in with their own passwords: PgBouncer looks their SCRAM secrets up in the database
    (`auth_query`), so a role that a test makes can use it at once.

    Args:
        program: What is run.
        admin_url: A superuser of the server behind it.
        mode: `pool_mode`.
        pool_size: Server connections per database and role.
        settings: Further settings of `[pgbouncer]`.
    """

    def __init__(
        self,
        program: Program,
        admin_url: str,
        mode: Mode,
        *,
        pool_size: int = 2,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.mode = mode
        self._program = program
        self._server = urlsplit(admin_url)
        self._settings = {
            "pool_mode": mode,
            "default_pool_size": str(pool_size),
            "max_client_conn": "1000",
            "query_wait_timeout": "30",
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._log: Path | None = None
        self.port = 0

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        for _ in range(_ATTEMPTS):
            if self._start_once():
                return
            assert self._log is not None
            said = self._log.read_text(errors="replace")
            self.stop()
        raise RuntimeError(f"PgBouncer did not start:\n{said}")

    def stop(self) -> None:
        """Stop it and remove its folder; its connections are cut."""
        process, self._process = self._process, None
        folder, self._folder = self._folder, None
        if process is not None:
            process.terminate()
            try:
                process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if folder is not None:
            shutil.rmtree(folder)

    def url(self, url: str) -> str:
        """The same database and role, through PgBouncer."""
        parts = urlsplit(url)
        credentials, _, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{credentials}@{HOST}:{self.port}").geturl()

    def urls(self, urls: Urls) -> Urls:
        """The same blog; only the service reaches it through PgBouncer."""
        return replace(urls, app_url=self.url(urls.app_url))

    @property
    def console_url(self) -> str:
        """The URL of its administrator's console: SHOW POOLS, RECONNECT, PAUSE."""
        return self.url(self._server._replace(path="/pgbouncer").geturl())

    def _start_once(self) -> bool:
        account = Account.for_server()  # PgBouncer refuses root, as PostgreSQL does
        folder = self._folder = Path(tempfile.mkdtemp(prefix="pgbouncer-", dir="/tmp"))
        self._log = folder / "log"
        self.port = _free_port()
        program = self._copied(folder)
        users, settings = folder / "users.txt", folder / "pgbouncer.ini"
        users.write_text(f'"{self._user}" "{unquote(self._server.password or "")}"\n')
        settings.write_text(self._ini(users))
        for path in (folder, users, settings):
            account.own(path)
        libraries = {"LD_LIBRARY_PATH": str(program.libraries)} if program.libraries else {}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [program.path, settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": os.defpath, **libraries},
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509
                **account.identity,
            )
        deadline = time.monotonic() + _SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self.port)) == 0:
                    return True
            time.sleep(0.01)
        return False

    def _copied(self, folder: Path) -> Program:
        """Where the unprivileged user can reach it: a checkout below /root is out of its reach."""
        libraries = self._program.libraries
        if libraries is None:
            return self._program
        shutil.copytree(libraries, folder / "lib", symlinks=True)
        shutil.copy2(self._program.path, folder / "pgbouncer")
        return Program(folder / "pgbouncer", folder / "lib")

    @property
    def _user(self) -> str:
        return unquote(self._server.username or "postgres")

    def _ini(self, users: Path) -> str:
        settings = {
            "listen_addr": HOST,
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": str(users),
            "auth_user": self._user,
            "admin_users": self._user,
            **self._settings,
        }
        lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
        behind = f"host={self._server.hostname} port={self._server.port or 5432}"
        return f"[databases]\n* = {behind}\n\n[pgbouncer]\n{lines}\n"


def _end_with_parent() -> None:
    """Whatever ends the tests, kill -9 included, no PgBouncer outlives them."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]

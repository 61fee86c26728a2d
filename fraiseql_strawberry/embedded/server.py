"""Start and stop an embedded PostgreSQL."""

from __future__ import annotations

import json
import logging
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from ..errors import SetupError
from .account import Account
from .binaries import Binaries, find_binaries
from .cluster import SUPERUSER, Cluster

__all__ = ["EmbeddedPostgres"]

_log = logging.getLogger("fraiseql_strawberry")

_HOST = "127.0.0.1"
_ALWAYS = {
    "listen_addresses": _HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.02
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - only mkdtemp folders are made there
_ATTEMPTS = 3  # between choosing a free port and using it, another program may take it


class EmbeddedPostgres:
    """A PostgreSQL that lives as long as this object's `with` block, or this process, at most.

    It listens on 127.0.0.1 only, with SCRAM passwords. The calls block for some hundred
    milliseconds; from asyncio, use `asyncio.to_thread`.

    Args:
        data_dir: Where the data stays between runs; None for a folder that goes at the end.
        durable: Whether a crash of the machine may not lose data; off is faster, for tests.
        major: The major version wanted; by default that of the data, or the newest found.
        settings: Further settings of PostgreSQL, by name.
        port: The TCP port, for a server that is to come back where it was; any free one by default.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        durable: bool = False,
        major: int | None = None,
        settings: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        self._data_dir = data_dir.absolute() if data_dir else None
        self._durable = durable
        self._major = major
        self._settings = {**_ALWAYS, **({} if durable else _NOT_DURABLE), **(settings or {})}
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._password = ""
        self._wanted_port = port
        self._port = 0

    def __repr__(self) -> str:
        state = f"on port {self._port}" if self._supervisor else "stopped"
        return f"<EmbeddedPostgres {state}, data in {self._data_dir or 'a temporary folder'}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def admin_url(self, database: str | None = None) -> str:
        """The URL of a database, as the superuser; `postgres` unless said otherwise.

        Raises:
            SetupError: The server is not running.
        """
        if self._supervisor is None:
            raise SetupError("The embedded PostgreSQL is not running: call start() first")
        name = quote(database or "postgres", safe="")
        return f"postgresql://{SUPERUSER}:{self._password}@{_HOST}:{self._port}/{name}"

    def start(self) -> None:
        """Start the server and wait until it takes connections.

        Raises:
            SetupError: There are no binaries, the folder cannot be used or is in use, or
                PostgreSQL did not start; the message says which and how to mend it.
        """
        if self._supervisor is not None:
            raise SetupError("This embedded PostgreSQL is running already")
        for attempt in range(1, _ATTEMPTS + 1):
            said = self._start_once()
            if said is None:
                return
            if "Address already in use" not in said or attempt == _ATTEMPTS:
                raise SetupError(f"PostgreSQL did not start:\n{said[-2000:].strip()}")

    def stop(self) -> None:
        """Stop the server: open transactions are rolled back. Does nothing when it is stopped."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        supervisor.communicate(b"x", timeout=_STOP_SECONDS)
        if supervisor.returncode:
            _log.warning("the embedded PostgreSQL ended with code %s", supervisor.returncode)

    def _start_once(self) -> str | None:
        """Returns None once the server takes connections, else what it said before it ended."""
        account = Account.for_server()
        scratch = _scratch_folder(account)
        try:
            cluster = Cluster(self._data_dir or scratch / "server", account)
            with cluster.locked() as lock:
                # Before the first slow step: it also removes the scratch folder if we are killed.
                self._supervisor = supervisor = _start_supervisor(cluster, lock, scratch)
                binaries = find_binaries(cluster.major or self._major)
                if account.switched:
                    binaries = binaries.copied_to(scratch / "postgresql")
                cluster.prepare(binaries, lock, durable=self._durable)
            self._password = cluster.password
            self._port = self._wanted_port or _free_port()
            self._order_server(supervisor, binaries, cluster)
            if _wait_until_ready(supervisor, cluster):
                return None
            said = cluster.log.read_text(errors="replace")
            self.stop()
        except BaseException:
            if self._supervisor is None:
                shutil.rmtree(scratch)
            self.stop()
            raise
        return said

    def _order_server(
        self, supervisor: subprocess.Popen[bytes], binaries: Binaries, cluster: Cluster
    ) -> None:
        command = [binaries.program("postgres"), "-D", str(cluster.data), "-p", str(self._port)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        order = {"command": command, "identity": cluster.account.identity}
        assert supervisor.stdin is not None
        supervisor.stdin.write(json.dumps(order).encode() + b"\n")
        supervisor.stdin.flush()


def _start_supervisor(cluster: Cluster, lock: int, scratch: Path) -> subprocess.Popen[bytes]:
    script = str(Path(__file__).with_name("supervisor.py"))
    with cluster.open_log() as log:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", script, str(lock), str(scratch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            pass_fds=[lock],
            start_new_session=True,
        )


def _wait_until_ready(supervisor: subprocess.Popen[bytes], cluster: Cluster) -> bool:
    """Whether the server came up; False when it ended instead, or takes too long."""
    assert supervisor.stdout is not None
    pid = supervisor.stdout.readline().strip().decode()
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        # The supervisor says nothing more until the server has ended.
        if select.select([supervisor.stdout], [], [], _POLL_SECONDS)[0]:
            return False
        if cluster.ready_pid() == pid:
            return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return probe.getsockname()[1]


def _scratch_folder(account: Account) -> Path:
    """A new folder that only we can write to and the server's user can enter."""
    for base in dict.fromkeys((tempfile.gettempdir(), *_TEMPORARY)):
        if account.can_reach(Path(base)):
            folder = Path(tempfile.mkdtemp(prefix="fraiseql-postgres-", dir=base))
            folder.chmod(0o711 if account.switched else 0o700)
            return folder
    raise SetupError(
        f"{account.name}, as whom PostgreSQL must run, can enter no temporary folder: set TMPDIR"
    )

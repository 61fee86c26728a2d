"""The folder of an embedded server: who may use it, its password, and the data directory in it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..errors import SetupError
from .account import Account
from .binaries import Binaries

__all__ = ["SUPERUSER", "Cluster", "durable_dir"]

SUPERUSER = "postgres"
_SHARED = Path("/var/tmp")  # noqa: S108 - the folder made there is refused unless it is ours alone


class Cluster:
    """A folder with `pgdata`, `password`, `postgres.log` and `lock` in it.

    Args:
        folder: Made when missing; otherwise empty, or one that an embedded server left.
        account: As whom PostgreSQL will run.

    Raises:
        SetupError: The folder cannot be used; the message says why.
    """

    def __init__(self, folder: Path, account: Account) -> None:
        self.folder = folder
        self.account = account
        self.data = folder / "pgdata"
        self.log = folder / "postgres.log"
        self._password = folder / "password"
        self._unfinished = folder / "pgdata.unfinished"
        self._lock = folder / "lock"
        self._pid_file = self.data / "postmaster.pid"
        self._take_over_folder()

    @property
    def password(self) -> str:
        """The superuser's password."""
        return self._password.read_text().strip()

    @property
    def major(self) -> int | None:
        """The major version of PostgreSQL that made the data directory; None before one did."""
        version = self.data / "PG_VERSION"
        return int(version.read_text()) if version.exists() else None

    @contextmanager
    def locked(self) -> Generator[int]:
        """Lock the folder.

        Yields:
            A file descriptor; the lock lasts until each process that inherited it has closed it
            or ended, so a server that outlives its launcher keeps it.

        Raises:
            SetupError: A server is running on the folder.
        """
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            self._flock(handle)
            yield handle
        finally:
            os.close(handle)

    def open_log(self) -> IO[bytes]:
        """Open the log of a new run for writing."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        return os.fdopen(os.open(self.log, flags, 0o600), "wb")

    def ready_pid(self) -> str | None:
        """The process id of the server, as text, once it takes connections.

        PostgreSQL writes its state into the eighth line of postmaster.pid, for pg_ctl.
        """
        try:
            lines = self._pid_file.read_text().splitlines()
        except FileNotFoundError:
            return None
        return lines[0] if len(lines) >= 8 and lines[7].strip() == "ready" else None

    def prepare(self, binaries: Binaries, lock: int, *, durable: bool) -> None:
        """Make the data directory if there is none, all or nothing."""
        if self.data.exists():
            if not self._password.exists():
                raise SetupError(
                    f"{self._password}, the password of the server's superuser, is missing: put "
                    f"it back, or delete {self.folder} and start afresh"
                )
            self._remove_stale_pid_file()
            return
        if self._unfinished.exists():
            shutil.rmtree(self._unfinished)
        self._unfinished.mkdir(mode=0o700)
        self.account.own(self._unfinished)
        self._password.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(self._password, flags, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24) + "\n")
        self.account.own(self._password)  # initdb reads it
        self._run_initdb(binaries, lock, durable=durable)
        self._unfinished.rename(self.data)

    def _run_initdb(self, binaries: Binaries, lock: int, *, durable: bool) -> None:
        # No locale: the same order of text on every machine and version.
        command = [binaries.program("initdb"), "--pgdata", str(self._unfinished)]
        command += ["--username", SUPERUSER, "--pwfile", str(self._password)]
        command += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale"]
        command += [] if durable else ["--no-sync"]
        environment = {"PATH": os.defpath, "LC_ALL": "C"}
        try:
            done = subprocess.run(
                command,
                cwd="/",
                env=environment,
                check=False,
                capture_output=True,
                text=True,
                pass_fds=[lock],  # it may outlive us
                **self.account.identity,
            )
        except OSError as error:
            raise SetupError(
                f"{command[0]} cannot be run as {self.account.name}: {error.strerror}. Set TMPDIR "
                "to a folder that every user can enter, on a file system not mounted noexec"
            ) from error
        if done.returncode:
            raise SetupError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")

    def _take_over_folder(self) -> None:
        folder = self.folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            raise SetupError(
                f"{folder} cannot hold a server's data: it must be a folder, not a link, and "
                "belong to the user who starts the server"
            )
        ours = {self.data, self.log, self._password, self._unfinished, self._lock}
        if strange := sorted(set(folder.iterdir()) - ours):
            raise SetupError(
                f"{folder} holds other files ({strange[0].name} …): choose an empty folder, or "
                "one that an embedded PostgreSQL made"
            )
        folder.chmod(0o711 if self.account.switched else 0o700)
        # Nobody else can write here now; but before, somebody may have put a link where the log
        # and the password are written, or a data directory with programs of theirs in its settings.
        for path in folder.iterdir():
            owner = path.lstat().st_uid
            if path.is_symlink() or owner not in (os.geteuid(), self.account.uid):
                raise SetupError(
                    f"{path} is a link or belongs to another user (id {owner}): start the server "
                    f"as the user who made it, or delete {folder}"
                )
        if not self.account.can_reach(folder):
            raise SetupError(
                f"{folder} cannot be entered by {self.account.name}, as whom PostgreSQL must run "
                "since it refuses root: choose a folder elsewhere, such as one in /var/lib"
            )

    def _flock(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = self._recorded_pid()
            raise SetupError(
                f"A PostgreSQL is already running on {self.folder}"
                f"{f' (process {pid})' if pid else ''}: stop it first, or choose another folder"
            ) from None

    def _recorded_pid(self) -> int | None:
        try:
            return int(self._pid_file.read_text().partition("\n")[0])
        except (FileNotFoundError, ValueError):
            return None

    def _remove_stale_pid_file(self) -> None:
        """After a crash the recorded pid may by now be another program's: PostgreSQL would refuse.

        Our lock says that no server of ours runs here; a postmaster started by other means is
        told by its working directory.
        """
        pid = self._recorded_pid()
        if pid is None or sys.platform != "linux":
            return
        try:
            alive = Path(f"/proc/{pid}/cwd").samefile(self.data)
        except (FileNotFoundError, PermissionError):
            alive = False  # no such process, or another user's, who could not use our data
        if not alive:
            self._pid_file.unlink()


def durable_dir(preferred: Path) -> Path:
    """Where to keep a server's data so that root can use it too.

    Args:
        preferred: The folder to use if PostgreSQL can.

    Returns:
        The folder itself, or, for root where PostgreSQL's user cannot enter it (a clone below
        /root), one in /var/tmp whose name is derived from it.
    """
    preferred = preferred.absolute()
    ancestor = next(folder for folder in preferred.parents if folder.is_dir())
    if Account.for_server().can_reach(ancestor):
        return preferred
    digest = hashlib.sha256(os.fsencode(preferred)).hexdigest()[:12]
    return _SHARED / f"fraiseql-strawberry-{os.geteuid()}-{digest}"

"""A real streaming replica: `pg_basebackup` of an embedded PostgreSQL, and a second server on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from example_app.database import Urls
from fraiseql_strawberry.embedded import EmbeddedPostgres
from fraiseql_strawberry.embedded.account import Account
from fraiseql_strawberry.embedded.binaries import find_binaries

__all__ = ["follow", "on"]


@contextmanager
def follow(primary: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """A replica of all databases of a server, which follows it; started, and stopped at the end."""
    account = Account.for_server()
    scratch = Path(tempfile.mkdtemp(prefix="replica-", dir="/tmp"))
    scratch.chmod(0o711)
    try:
        server = scratch / "server"
        server.mkdir(mode=0o711)
        _copy_data(primary, server / "pgdata", scratch / "postgresql", account)
        password = server / "password"
        password.write_text(f"{urlsplit(primary.admin_url()).password}\n")
        password.chmod(0o600)
        replica = EmbeddedPostgres(server)
        with replica:
            yield replica
    finally:
        shutil.rmtree(scratch)


def _copy_data(primary: EmbeddedPostgres, data: Path, programs: Path, account: Account) -> None:
    binaries = find_binaries()
    if account.switched:
        programs.mkdir()
        binaries = binaries.copied_to(programs)
    data.mkdir(mode=0o700)
    account.own(data)
    parts = urlsplit(primary.admin_url())
    command = [binaries.program("pg_basebackup"), "-D", str(data), "-h", str(parts.hostname)]
    command += ["-p", str(parts.port), "-U", str(parts.username)]
    command += ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
    environment = {"PATH": os.defpath, "PGPASSWORD": str(parts.password)}
    subprocess.run(command, cwd="/", env=environment, check=True, **account.identity)


def on(server: EmbeddedPostgres, urls: Urls) -> Urls:
    """The same blog on another server."""
    port = urlsplit(server.admin_url()).port

    def moved(url: str) -> str:
        parts = urlsplit(url)
        credentials, _, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{credentials}@{parts.hostname}:{port}").geturl()

    return replace(
        urls,
        app_url=moved(urls.app_url),
        admin_url=moved(urls.admin_url),
        migrator_url=moved(urls.migrator_url),
        server_url=moved(urls.server_url),
    )

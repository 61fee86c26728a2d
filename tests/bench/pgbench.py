"""The same transactions under pgbench: what PostgreSQL needs when nobody is in between.

It stands where the server under test stands, on the same processor. The floor's statement, bound
twice, goes out as a pipeline: one round trip and one transaction, under generic plans. A mutation
takes the five round trips that pgbench needs for it.
"""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from contestants import Unavailable
from dataset import PLANS, tenants
from kinds import BULK, Kind
from load import LoadError, Outcome
from machine import Layout, pinned
from postgres import Postgres
from statements import pgbench_text

from fraiseql_strawberry.embedded import find_binaries
from fraiseql_strawberry.errors import SetupError

__all__ = ["PgBench"]

_WARM_SECONDS = 0.7  # at most: connections are opened, statements prepared; also the time to end
_BIND = "set_config('app.tenant_id', md5('tenant:' || :tenant)::uuid::text, true)"
_ENVIRONMENT = {"PGOPTIONS": "-c plan_cache_mode=force_generic_plan"}


@dataclass(frozen=True, slots=True)
class PgBench:
    """pgbench against the bench's database.

    Args:
        program: The binary.
        url: The application role's URL.
        clients: How many connections.
        layout: Where it is pinned.
    """

    program: str
    url: str = field(repr=False)
    clients: int
    layout: Layout

    @classmethod
    def find(cls, folder: Path | None, url: str, clients: int, layout: Layout) -> PgBench:
        """Find the binary: in `--pg-bin`, beside the embedded PostgreSQL's, or on the PATH.

        Raises:
            Unavailable: There is none.
        """
        candidates = [folder / "pgbench"] if folder else []
        with suppress(SetupError):  # where PostgreSQL is somebody else's server
            candidates.append(Path(find_binaries().program("pgbench")))
        on_path = shutil.which("pgbench")
        candidates += [Path(on_path)] if on_path else []
        for candidate in candidates:
            if candidate.is_file():
                return cls(str(candidate), url, clients, layout)
        raise Unavailable("no pgbench was found: name the folder it is in with --pg-bin")

    async def run(self, kind: Kind, seconds: float, postgres: Postgres) -> tuple[Outcome, float]:
        """Run a kind; returns what pgbench saw, and PostgreSQL's processor time in that window.

        Raises:
            LoadError: pgbench ended with an error, or got nowhere.
        """
        with tempfile.TemporaryDirectory(prefix="fraiseql-bench-") as temporary:
            warm = min(_WARM_SECONDS, 2 * seconds)
            process = self._start(kind, seconds + 2 * warm, Path(temporary))
            await asyncio.sleep(warm)
            began, before = time.time(), postgres.cpu_seconds()
            await asyncio.sleep(seconds)
            ended, after = time.time(), postgres.cpu_seconds()
            _, said = await asyncio.to_thread(process.communicate)
            if process.returncode:
                raise LoadError(f"pgbench: {said.strip()}")
            latencies = _latencies(Path(temporary), began, ended)
        if not latencies:
            raise LoadError(f"pgbench finished no transaction of {kind.name} in {seconds} s")
        return Outcome(latencies, ended - began), after - before

    def _start(self, kind: Kind, seconds: float, folder: Path) -> subprocess.Popen[str]:
        script = folder / "script.sql"
        script.write_text(script_of(kind))
        command = [self.program, "--no-vacuum", "--client", str(self.clients), "--jobs", "1"]
        command += ["--protocol", "prepared", "--file", str(script)]
        command += ["--log", "--log-prefix", str(folder / "log")]
        command += ["--time", str(math.ceil(seconds))]
        parts = urlsplit(self.url)
        # Every user of the machine can read the arguments of a process.
        command += [
            parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", "@")).geturl()
        ]
        environment = {**os.environ, **_ENVIRONMENT, "PGPASSWORD": unquote(parts.password or "")}
        with pinned(self.layout.server):
            return subprocess.Popen(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )


def script_of(kind: Kind) -> str:
    """The pgbench script of a kind."""
    numbers = [tenant.number for tenant in tenants(kind.plan)]
    size = PLANS[kind.plan]
    lines = [
        f"\\set tenant random({numbers[0]}, {numbers[-1]})",
        f"\\set post random(1, {size.posts})",
        f"\\set user random(1, {min(size.users, 10)})",
        "\\set none 0",
        *(f"\\set {name} {value}" for name, value in kind.pgbench.items() if "::" not in value),
    ]
    values = {
        "id": "md5('post:' || :tenant || ':' || :post)::uuid",
        **{n: value if "::" in value else f":{n}" for n, value in kind.pgbench.items()},
        "user": "md5('user:' || :tenant || ':' || :user)::uuid",
        "title": "'Draft ' || :post",
        "content": "'Written by the bench.'",
        "users": (
            f"ARRAY(SELECT md5('user:' || :tenant || ':' || :user)::uuid "
            f"FROM generate_series(1, {BULK}))"
        ),
        "titles": f"ARRAY(SELECT 'Draft ' || n FROM generate_series(1, {BULK}) AS n)",
    }
    query = pgbench_text(kind.sql, values)
    if kind.document == "bulk":
        lines += ["BEGIN;", f"SELECT {_BIND};", f"{query};", "COMMIT;"]
    elif kind.writes:
        read = pgbench_text("created_post", {"id": ":new_id::uuid"})
        lines += ["BEGIN;", f"SELECT {_BIND};", f"{query} \\gset new_", f"{read};", "COMMIT;"]
    else:
        # pgbench cannot send NULL: 0 stands for it.
        both = (
            f"SELECT CASE WHEN NULLIF(:{which}::text, '0') IS NOT NULL THEN {_BIND} "
            f"ELSE ({query})::text END;"
            for which in ("tenant", "none")
        )
        lines += ["\\startpipeline", *both, "\\endpipeline"]
    return "\n".join(lines) + "\n"


def _latencies(folder: Path, began: float, ended: float) -> list[float]:
    """The seconds of each transaction that ended in the window, from pgbench's log."""
    found: list[float] = []
    for log in folder.glob("log.*"):
        for line in log.read_text().splitlines():
            _, _, micros, _, second, micro = line.split()[:6]
            if began <= int(second) + int(micro) / 1e6 < ended:
                found.append(int(micros) / 1e6)
    return found

"""The demo as a process: started as a user starts it, on a PostgreSQL of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICE_VARIABLES = (
    "ADMIN_DATABASE_URL",
    "DATABASE_URL",
    "REGISTRY_DATABASE_URL",
    "JWT_SECRET",
    "FRAISEQL_ENV",
)


class Demo:
    """The demo as a process, and all that it prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[str] = []

    @classmethod
    async def start(cls, data_dir: Path, *options: str, **variables: str) -> Demo:
        """Start it, and return when it takes requests."""
        environment = {k: v for k, v in os.environ.items() if k not in SERVICE_VARIABLES}
        command = ("-m", "example_app", "--port", "0", "--data-dir", str(data_dir), *options)
        demo = cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, *command),
                cwd=ROOT,
                env={**environment, **variables},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        )
        async with asyncio.timeout(60):
            while not demo.lines or not demo.lines[-1].startswith("ready "):
                assert demo._process.stdout is not None
                line = await demo._process.stdout.readline()
                assert line, "\n".join(demo.lines)
                demo.lines.append(line.decode().rstrip())
        return demo

    @property
    def url(self) -> str:
        return self.lines[-1].removeprefix("ready ")

    @property
    def tokens(self) -> list[str]:
        return [line.removeprefix("TOKEN=") for line in self.lines if line.startswith("TOKEN=")]

    @property
    def admin_token(self) -> str:
        """Of somebody who may make tenants."""
        (token,) = (line for line in self.lines if line.startswith("ADMIN="))
        return token.removeprefix("ADMIN=")

    @property
    def commands(self) -> list[str]:
        return [line for line in self.lines if line.startswith("curl ")]

    async def stop(self, signum: int = signal.SIGTERM) -> int:
        """Send a signal; returns the exit code. Whatever is still printed is kept."""
        if self._process.returncode is None:
            self._process.send_signal(signum)
            async with asyncio.timeout(30):
                rest, _ = await self._process.communicate()
            self.lines += rest.decode().splitlines()
        assert self._process.returncode is not None
        return self._process.returncode

"""Runs one Python contestant in a process of its own: `python serve.py apps.floor:app`.

uvicorn with uvloop and httptools, one process, the same for all. It says `ready PORT` when it
takes connections, and ends with its standard input, so that it never outlives the bench.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import uvicorn

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from terminal import show  # noqa: E402


class Server(uvicorn.Server):
    """uvicorn, saying which port it took."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            show(f"ready {self.servers[0].sockets[0].getsockname()[1]}")


def end_with_input() -> None:
    """Stop when whoever started this process closes its end, or is gone."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main(where: str) -> None:
    module, _, name = where.partition(":")
    app = getattr(importlib.import_module(module), name)
    threading.Thread(target=end_with_input, daemon=True).start()
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=600,
    )
    Server(config).run()


if __name__ == "__main__":
    main(sys.argv[1])

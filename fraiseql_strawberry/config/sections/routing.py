"""Where the database of each tenant is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..rules import many, matching, number, whole
from ..secret import SecretUrl
from ..secret_rules import database_url
from .names import table

__all__ = ["Routing"]

_reference = matching(
    r"env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:/[^\x00-\x1f{}]{1,1023}",
    '"env:NAME" or "file:/path"',
)
_host_pattern = matching(
    r"[A-Za-z0-9*?._-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.*?]{2,45}\](?::[0-9]{1,5})?",
    'a host, with * for any characters, such as "*.db.example.com" or "10.0.0.7:5432"',
)
_variable_pattern = matching(
    r"[A-Za-z0-9_*?]{1,128}", "the name of an environment variable, with * for any characters"
)
_path_pattern = matching(r"/[^\x00-\x1f{}]{0,1023}", "an absolute path, with * for any characters")


@dataclass(frozen=True, slots=True)
class Routing:
    """`[multitenancy.routing]`: where the database of each tenant is; times are in seconds."""

    registry_url: Annotated[SecretUrl | None, database_url] = None
    registry_table: Annotated[str, table] = "tenant_databases"
    tenant_password: Annotated[str | None, _reference] = None
    refresh_seconds: Annotated[float, number(86_400)] = 60.0
    stale_seconds: Annotated[float, number(604_800)] = 900.0
    max_connections: Annotated[int, whole(2, 1_000_000)] = 100
    connections_per_tenant: Annotated[int, whole(1, 10_000)] = 4
    idle_seconds: Annotated[float, number(86_400)] = 60.0
    connect_timeout: Annotated[float, number(60)] = 3.0
    allowed_hosts: Annotated[tuple[str, ...], many(_host_pattern)] = ()
    password_variables: Annotated[tuple[str, ...], many(_variable_pattern)] = ("*PASSWORD*",)
    password_files: Annotated[tuple[str, ...], many(_path_pattern)] = ("/run/secrets/*",)

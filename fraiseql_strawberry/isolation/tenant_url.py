"""A registered database URL, read strictly: what it does not say cannot be smuggled in.

libpq, asyncpg and SQLAlchemy let `?host=` and `?user=` override what stands before them, take
lists of hosts and paths of Unix sockets, and fill gaps from the environment (SECURITY.md,
registry). Here the URL is one role, one host, one database, and a few parameters.

Errors never quote the URL, not even the name of an unknown parameter: it may be the rest of a
password with an "&" in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, cast, get_args
from urllib.parse import quote, unquote

from ..config.secret import Secret
from ..errors import PlacementRefused
from .tenant_password import PasswordRules, TenantPassword

__all__ = ["SslMode", "TenantUrl", "TenantUrlRules", "parse_tenant_url"]

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

_SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
_PARAMETERS = ("sslmode", "application_name", "connect_timeout")
_LONGEST = 4096
_LONGEST_NAME = 63  # PostgreSQL cuts longer names, so that two could become one
_LONGEST_TIMEOUT = 60

# Every delimiter has one meaning: whatever else holds one must be percent-encoded (RFC 3986,
# section 2.2). Only a reference may stand as it is: ${NAME}, ${file:/path}.
_URL = re.compile(
    r"""(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://
        (?P<user>[^:@/?\#\[\]]+)
        (?: :(?P<password>\$\{[^{}@?\#]*\}|[^:@/?\#\[\]]*) )?
        @(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])
        (?: :(?P<port>[0-9]{1,5}) )?
        /(?P<database>[^:@/?\#\[\]]+)
        (?: \?(?P<query>[^?\#]*) )?""",
    re.VERBOSE,
)
_ENCODED = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")
_HOST = re.compile(r"(?!-)[a-z0-9._-]{1,253}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TenantUrlRules:
    """What a deployment admits.

    Args:
        allowed_hosts: Patterns such as `*.db.example.com` or `10.0.0.7:5432`; none admits any.
        passwords: Where passwords may be.
    """

    allowed_hosts: tuple[str, ...] = ()
    passwords: PasswordRules = field(default_factory=PasswordRules)


@dataclass(frozen=True, slots=True, repr=False)
class TenantUrl:
    """One tenant's database; it prints without its password.

    Args:
        host: The name or address of the server, in lower case.
        port: Its TCP port.
        user: The role.
        database: The database.
        password: Where the password is; an empty one where the URL has none.
        sslmode: libpq's word for what TLS must prove; None for the environment's or "prefer".
        application_name: What `pg_stat_activity` shows; None for the tenant.
        connect_timeout: Seconds that a connection may take; None for the deployment's own.
    """

    host: str
    port: int
    user: str
    database: str
    password: TenantPassword
    sslmode: SslMode | None = None
    application_name: str | None = None
    connect_timeout: float | None = None

    @property
    def server(self) -> str:
        """Host and port: tenants of one server fail and recover together."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        role, database = quote(self.user, safe=""), quote(self.database, safe="")
        return f"postgresql://{role}:***@{self.server}/{database}"

    def __repr__(self) -> str:
        return f"TenantUrl({str(self)!r})"


def parse_tenant_url(text: str, rules: TenantUrlRules | None = None) -> TenantUrl:
    """Read a URL of the registry.

    Args:
        text: `postgresql://role:password@host:port/database`; the password may be a reference.
        rules: What the deployment admits.

    Raises:
        PlacementRefused: It is not admitted; the hint says why and never quotes it.
    """
    rules = rules or TenantUrlRules()
    if len(text) > _LONGEST or not text.isprintable() or " " in text:
        raise _refused("is too long, or has spaces or control characters")
    found = _URL.fullmatch(text)
    if found is None:
        raise _refused(
            "is not of the form postgresql://role:password@host:port/database; other characters "
            "in its parts are percent-encoded"
        )
    if found["scheme"].lower() not in _SCHEMES:
        raise _refused(f"must begin with one of {', '.join(_SCHEMES)}")
    host, port = _host(found["host"]), int(found["port"] or 5432)
    if not 1 <= port <= 65_535:
        raise _refused("has a port that is not between 1 and 65535")
    if rules.allowed_hosts and not _is_allowed(host, port, rules.allowed_hosts):
        raise _refused("names a host that [multitenancy.routing] allowed_hosts does not admit")
    parameters = _parameters(found["query"])
    return TenantUrl(
        host=host,
        port=port,
        user=_name(found["user"], "role"),
        database=_name(found["database"], "database"),
        password=_password(found["password"] or "", rules.passwords),
        sslmode=_sslmode(parameters),
        application_name=_application_name(parameters),
        connect_timeout=_connect_timeout(parameters),
    )


def _refused(why: str) -> PlacementRefused:
    return PlacementRefused(hint=f"its database_url {why}")


def _host(written: str) -> str:
    host = written.lower()
    if host.startswith("["):
        return host[1:-1]
    if not _HOST.fullmatch(host):
        raise _refused("has no valid host")
    return host


def _is_allowed(host: str, port: int, patterns: Sequence[str]) -> bool:
    shown = f"[{host}]" if ":" in host else host
    return any(
        fnmatchcase(candidate, pattern.lower().replace("[", "[[]"))
        for pattern in patterns
        for candidate in (shown, f"{shown}:{port}")
    )


def _name(written: str, what: str) -> str:
    name = _decoded(written, what)
    if len(name.encode()) > _LONGEST_NAME or not name.isprintable():
        raise _refused(f"has a {what} that is longer than 63 bytes or not printable")
    if ":" in name:  # a password may have been encoded together with what stands before it
        raise _refused(f"has a {what} with a colon")
    return name


def _password(written: str, rules: PasswordRules) -> TenantPassword:
    reference = TenantPassword.refer(written, rules)
    if reference is not None:
        return reference
    if written.startswith("${"):
        raise _refused(
            "has a reference for a password that is neither ${NAME} nor ${file:/path}; a password "
            "that begins so is written %24%7B"
        )
    return TenantPassword(given=Secret(_decoded(written, "password")))


def _decoded(written: str, what: str) -> str:
    if not _ENCODED.fullmatch(written):
        raise _refused(f"has a {what} with a % that is not percent-encoded: write %25")
    try:
        text = unquote(written, errors="strict")
    except UnicodeDecodeError:
        raise _refused(f"has a {what} that is not percent-encoded UTF-8") from None
    if "\x00" in text:
        raise _refused(f"has a {what} with a NUL character")
    return text


def _parameters(query: str | None) -> dict[str, str]:
    read: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, equals, value = pair.partition("=")
        if name not in _PARAMETERS or not equals:
            raise _refused(f"has a parameter that is none of {', '.join(_PARAMETERS)}")
        if name in read:
            raise _refused(f"has the parameter {name} twice")
        read[name] = _decoded(value, name)
    return read


def _sslmode(parameters: dict[str, str]) -> SslMode | None:
    mode = parameters.get("sslmode")
    if mode is not None and mode not in get_args(SslMode):
        raise _refused(f"has an sslmode that is none of {', '.join(get_args(SslMode))}")
    return cast("SslMode | None", mode)


def _application_name(parameters: dict[str, str]) -> str | None:
    name = parameters.get("application_name")
    if name is not None and not (name.isascii() and name.isprintable() and len(name) <= 63):
        raise _refused("has an application_name that is longer than 63 characters or not ASCII")
    return name or None


def _connect_timeout(parameters: dict[str, str]) -> float | None:
    seconds = parameters.get("connect_timeout")
    if seconds is None:
        return None
    if not re.fullmatch(r"[0-9]{1,3}", seconds, re.ASCII) or not (
        1 <= int(seconds) <= _LONGEST_TIMEOUT
    ):
        raise _refused(f"has a connect_timeout that is not 1 to {_LONGEST_TIMEOUT} seconds")
    return float(seconds)

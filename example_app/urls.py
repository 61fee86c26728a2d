"""Where a blog is, for each of the roles that connect to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit
from uuid import UUID

from fraiseql_strawberry.config import Strategy
from fraiseql_strawberry.errors import SetupError

__all__ = ["Urls", "locate"]

_CREDENTIALS = frozenset({"user", "password", "passfile", "database", "dbname"})

# Blogs of different strategies can stand on one server.
_NAMES: dict[Strategy, str] = {"row": "blog", "schema": "blog_schema", "database": "blog_registry"}
_TENANTS = "fraiseql_tenant"


@dataclass(frozen=True, slots=True)
class Urls:
    """The URLs of one blog's database; secrets stay out of `repr`.

    With a database per tenant it is the registry's database, and `of` leads to the tenants' own.

    Args:
        database: The database's name.
        app_url: For the service: the unprivileged role `app`.
        admin_url: For a superuser, connected to this database.
        migrator_url: For migrations: the role `app_migrator`.
        server_url: The superuser's URL as it was given, to create and drop databases.
        strategy: How the blog keeps its tenants apart.
        tenants: What the names of the tenants' own databases begin with, if they have any.
    """

    database: str
    app_url: str = field(repr=False)
    admin_url: str = field(repr=False)
    migrator_url: str = field(repr=False)
    server_url: str = field(repr=False)
    strategy: Strategy = field(default="row", repr=False)
    tenants: str = field(default=_TENANTS, repr=False)

    def renamed(self, database: str) -> Urls:
        """The same server, roles and passwords, another blog; its tenants' databases too."""
        return replace(self._connected_to(database), tenants=database)

    def of(self, tenant_id: UUID) -> Urls:
        """The database that holds a tenant's rows."""
        if self.strategy != "database":
            return self
        return self._connected_to(f"{self.tenants}_{tenant_id.hex}")

    def home(self, tenant_id: UUID) -> str:
        """The schema of that database in which a tenant's tables are."""
        return f"tenant_{tenant_id.hex}" if self.strategy == "schema" else "app"

    def _connected_to(self, database: str) -> Urls:
        return replace(
            self,
            database=database,
            app_url=_with_database(self.app_url, database),
            admin_url=_with_database(self.admin_url, database),
            migrator_url=_with_database(self.migrator_url, database),
        )


def locate(
    admin_url: str,
    database: str | None = None,
    *,
    strategy: Strategy = "row",
    app_password: str | None = None,
    migrator_password: str | None = None,
) -> Urls:
    """Say where a blog is, or will be, without connecting to anything.

    Args:
        admin_url: A superuser of the server; SQLAlchemy's `postgresql+asyncpg:` is understood.
        database: The name of the blog's database, or of its registry's; one for each strategy
            by default.
        strategy: How the blog keeps its tenants apart.
        app_password: For the role `app`. Without one it is derived from the superuser's, so that
            several blogs on one server, which share the role, agree on it.
        migrator_password: The same for the role `app_migrator`.

    Raises:
        SetupError: A password is to be derived, and `admin_url` has none.
    """
    parts = urlsplit(admin_url)._replace(scheme="postgresql")
    name = database or _NAMES[strategy]
    if not (app_password and migrator_password):
        derived = _derive(parts.password)
        app_password = app_password or derived[:48]
        migrator_password = migrator_password or derived[48:]
    host = parts.netloc.rpartition("@")[2]
    options = [pair for pair in parse_qsl(parts.query) if pair[0] not in _CREDENTIALS]

    def url_of(role: str, password: str) -> str:
        netloc = f"{role}:{quote(password, safe='')}@{host}"
        return _with_database(urlunsplit(("postgresql", netloc, "", urlencode(options), "")), name)

    return Urls(
        name,
        app_url=url_of("app", app_password),
        admin_url=_with_database(urlunsplit(parts), name),
        migrator_url=url_of("app_migrator", migrator_password),
        server_url=urlunsplit(parts),
        strategy=strategy,
        tenants=database or _TENANTS,
    )


def _derive(secret: str | None) -> str:
    if not secret:
        raise SetupError(
            "The administrator's URL has no password to derive the roles' passwords from:"
            " give app_password and migrator_password"
        )
    # A slow derivation: who reads the service's URL must not be able to guess the superuser's
    # password from it by trying words.
    key = hashlib.scrypt(secret.encode(), salt=b"example_app.database", n=2**14, r=8, p=1, dklen=48)
    return key.hex()


def _with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=quote(f"/{database}")))

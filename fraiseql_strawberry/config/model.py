"""The configuration of one deployment, as frozen sections."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any, Self

from .checks import check_limits, check_schemas, check_seal, production_of, risks
from .keys import read_auth
from .lines import Path
from .mistakes import Mistake, config_error
from .origin import Layer, Origin
from .reading import RULES, Reader
from .rules import RuleError
from .secret import SecretUrl
from .secret_rules import database_url
from .sections import (
    Auth,
    Check,
    Database,
    Graphql,
    Limits,
    Migrations,
    Multitenancy,
    Project,
    Routing,
    Seal,
    Server,
)

__all__ = ["Config"]

_ROUTING: Path = ("multitenancy", "routing")
_LIMITS: Path = ("multitenancy", "limits")
_SEAL: Path = ("multitenancy", "seal")
# What holds for any table of tenants; the rest is about databases of their own.
_ALWAYS_USED = ("refresh_seconds", "stale_seconds")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that `fraiseql.toml` and the environment say.

    Args:
        project: `[project]`.
        database: `[database]`.
        server: `[server]`.
        auth: `[auth]`.
        multitenancy: `[multitenancy]`, with `routing`, `limits` and `seal` inside.
        graphql: `[graphql]`.
        check: `[check]`.
        migrations: `[migrations]`.
        path: The file it was loaded from.
        production: Whether `FRAISEQL_ENV` is "production".
        warnings: What should be mended, each with file and line, to be logged at start-up.
        origin: What it was read from; opaque.
    """

    project: Project = field(default_factory=Project)
    database: Database = field(default_factory=Database)
    server: Server = field(default_factory=Server)
    auth: Auth = field(default_factory=Auth)
    multitenancy: Multitenancy = field(default_factory=Multitenancy)
    graphql: Graphql = field(default_factory=Graphql)
    check: Check = field(default_factory=Check)
    migrations: Migrations = field(default_factory=Migrations)
    path: FilePath | None = None
    production: bool = False
    warnings: tuple[str, ...] = ()
    origin: Origin = field(default_factory=Origin, repr=False, compare=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """The defaults, with `DATABASE_URL`, `JWT_SECRET` and `FRAISEQL_ENV`, and no file.

        Args:
            env: The environment variables; those of the process by default.

        Raises:
            ConfigError: `JWT_SECRET` is empty, or too short for production.
        """
        return cls.from_origin(Origin(env=os.environ if env is None else env))

    @classmethod
    def from_origin(cls, origin: Origin, path: FilePath | None = None) -> Self:
        """Read and check every section.

        Raises:
            ConfigError: Anything is wrong; one error names it all.
        """
        reader = Reader(origin)
        notices: list[Mistake] = []
        reader.check_names()
        production = production_of(reader)
        multitenancy = _multitenancy(reader)
        graphql = reader.section(Graphql, ("graphql",))
        config = cls(
            project=reader.section(Project, ("project",)),
            database=_database(reader),
            server=reader.section(Server, ("server",)),
            auth=read_auth(reader, notices),
            multitenancy=multitenancy,
            graphql=graphql,
            check=reader.section(Check, ("check",)),
            migrations=reader.section(Migrations, ("migrations",)),
            path=path,
            production=production,
            origin=origin,
        )
        check_schemas(reader, multitenancy)
        check_limits(reader, graphql)
        check_seal(reader, multitenancy)
        (reader.mistakes if production else notices).extend(risks(reader, config.auth))
        if reader.mistakes:
            raise config_error(reader.mistakes)
        return replace(config, warnings=tuple(str(notice.error()) for notice in notices))

    def override(self, **sections: Mapping[str, Any]) -> Self:
        """This configuration with some keys changed, checked as if they stood in the file.

        Values are taken as they are (`${…}` is not replaced); None takes a key back to its
        default. Sections that were changed with `dataclasses.replace` keep their changes.

        Args:
            **sections: The keys to change by section: `override(multitenancy={"strategy":
                "schema"})`; `routing` stands inside `multitenancy`.

        Raises:
            ConfigError: A key or value is wrong, or no longer fits the others.
        """
        read = self.from_origin(self.origin)
        origin = self.origin
        if self.production != read.production:
            origin = origin.with_env(FRAISEQL_ENV="production" if self.production else "")
        # Copies: the caller's mappings may change later.
        for tables in (self._replaced(read), copy.deepcopy(sections)):
            origin = origin.with_layer(Layer(tables, "overrides"))
        return self.from_origin(origin, self.path)

    def require_database_url(self) -> SecretUrl:
        """The URL of the application's database.

        Raises:
            ConfigError: There is none; the message names the variable.
        """
        hint = "Set it, or pass an engine of your own"
        return self._required(self.database.url, ("database", "url"), "DATABASE_URL", hint)

    def require_registry_url(self) -> SecretUrl:
        """The URL of the registry of `strategy = "database"`.

        Raises:
            ConfigError: There is none; the message names the variable.
        """
        url = self.multitenancy.routing.registry_url
        variable = "REGISTRY_DATABASE_URL"
        return self._required(url, (*_ROUTING, "registry_url"), variable, "Set it")

    def _required(self, url: SecretUrl | None, path: Path, variable: str, hint: str) -> SecretUrl:
        if url is not None:
            return url
        problem = "is not set"
        if said := self.origin.env.get(variable):
            problem = "is not used"
            try:
                database_url(said)
            except RuleError as error:
                problem = error.message
        message = f"is needed, and the environment variable {variable} {problem}"
        raise Reader(self.origin).mistake(path, message, hint).error()

    def _replaced(self, read: Config) -> dict[str, Any]:
        """What `dataclasses.replace` changed since the configuration was read, by section."""
        changed: dict[str, Any] = {}
        for path, rules in RULES.items():
            now, then = self, read
            for part in map(str, path):
                now, then = getattr(now, part), getattr(then, part)
            for name in rules:
                if getattr(now, name) != getattr(then, name):
                    table = changed
                    for part in map(str, path):
                        table = table.setdefault(part, {})
                    table[name] = getattr(now, name)
        return changed


def _multitenancy(reader: Reader) -> Multitenancy:
    section: Path = ("multitenancy",)
    read = reader.section(Multitenancy, section)
    if read.strategy == "schema" and reader.raw((*section, "id_type")) is None:
        read = replace(read, id_type="slug")  # such as the `abc123` of `tenant_abc123`
    used = read.enabled and read.strategy == "database"
    if read.tenants_table is not None:
        for name in _ALWAYS_USED:  # what is read first counts
            reader.key((*_ROUTING, name))
    routing = reader.section(Routing, _ROUTING, idle=not used)
    if used and reader.raw((*_ROUTING, "registry_url")) is None:
        routing = replace(
            routing, registry_url=_url_of_environment(reader, "REGISTRY_DATABASE_URL")
        )
    seal = reader.section(Seal, _SEAL, idle=not (read.enabled and read.sealed))
    if seal.key_file is not None:
        seal = replace(seal, key_file=str(reader.origin.folder / FilePath(seal.key_file)))
    limits = reader.section(Limits, _LIMITS)
    return replace(read, routing=routing, limits=limits, seal=seal)


def _database(reader: Reader) -> Database:
    read = reader.section(Database, ("database",))
    if reader.raw(("database", "url")) is None:
        read = replace(read, url=_url_of_environment(reader, "DATABASE_URL"))
    return read


def _url_of_environment(reader: Reader, variable: str) -> SecretUrl | None:
    """The URL that a variable gives, where nothing refers to it.

    An application that brings its own engine needs none, so what is missing or wrong is an
    error only when it is asked for (`Config.require_database_url`).
    """
    try:
        url = database_url(reader.origin.env.get(variable, ""))
    except RuleError:
        return None
    return url if isinstance(url, SecretUrl) else None

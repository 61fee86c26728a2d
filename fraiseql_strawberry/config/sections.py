"""Every section and key of `fraiseql.toml`, with its type, its default and its rule.

A key whose type is `bool` or a `Literal` needs no rule of its own. `None` means "not given".
The meaning of each key stands in docs/reference/configuration.md, which a test compares with
this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, cast

from .duration import duration, duration_ms
from .rules import choice, many, matching, number, whole, words
from .secret import Secret, SecretUrl
from .secret_rules import database_url, issuer_url, secret_text, web_url

__all__ = [
    "ALGORITHMS",
    "SEALED",
    "SEAL_SETTING",
    "Auth",
    "Check",
    "Database",
    "Graphql",
    "Limits",
    "Migrations",
    "Multitenancy",
    "Pooler",
    "Project",
    "Routing",
    "Seal",
    "Server",
    "StartupCheck",
    "Strategy",
]

Strategy = Literal["row", "schema", "database"]
Pooler = Literal["none", "session", "transaction"]
StartupCheck = Literal["enforce", "warn", "off"]

ALGORITHMS = (
    *("HS256", "HS384", "HS512"),
    *("RS256", "RS384", "RS512", "ES256", "ES384", "ES512"),
    *("PS256", "PS384", "PS512", "EdDSA"),
)

SEALED = "sealed"
SEAL_SETTING = "app.tenant_seal"

_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,62}"
_claim = matching(
    r"[^\x00-\x20\x7f.]+(?:\.[^\x00-\x20\x7f.]+)*", "the name of a claim, or a dotted path to one"
)
_table = matching(rf"{_NAME}(?:\.{_NAME})?", 'the name of a table, or "schema.table"')
_template = matching(
    r"[A-Za-z_][A-Za-z0-9_]*\{id\}[A-Za-z0-9_]*",
    'letters, digits and _ around one {id}, such as "tenant_{id}"',
)
_reference = matching(
    r"env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:/[^\x00-\x1f{}]{1,1023}",
    '"env:NAME" or "file:/path"',
)
_algorithm = choice(
    *ALGORITHMS, refused={"none": "An unsigned token proves nothing about its bearer"}
)
_count = whole(1, 1_000_000)
_host_pattern = matching(
    r"[A-Za-z0-9*?._-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.*?]{2,45}\](?::[0-9]{1,5})?",
    'a host, with * for any characters, such as "*.db.example.com" or "10.0.0.7:5432"',
)
_variable_pattern = matching(
    r"[A-Za-z0-9_*?]{1,128}", "the name of an environment variable, with * for any characters"
)
_path_pattern = matching(r"/[^\x00-\x1f{}]{0,1023}", "an absolute path, with * for any characters")


@dataclass(frozen=True, slots=True)
class Project:
    """`[project]`: what the service is called."""

    name: Annotated[str, words()] = "fraiseql"


@dataclass(frozen=True, slots=True)
class Database:
    """`[database]`: how to reach PostgreSQL; the timeouts are in seconds unless named otherwise."""

    url: Annotated[SecretUrl | None, database_url] = None
    admin_url: Annotated[SecretUrl | None, database_url] = None
    migrator_url: Annotated[SecretUrl | None, database_url] = None
    pool_size: Annotated[int, whole(1, 10_000)] = 10
    max_overflow: Annotated[int, whole(0, 10_000)] = 5
    pool_timeout: Annotated[float, number(3600)] = 5.0
    tenant_limit: Annotated[int | None, whole(1, 10_000)] = None
    pooler: Pooler = "none"
    listen_url: Annotated[SecretUrl | None, database_url] = None
    statement_timeout: Annotated[str, duration] = "10s"
    lock_timeout: Annotated[str | None, duration] = None
    idle_in_transaction_timeout: Annotated[str | None, duration] = None
    replica_urls: Annotated[tuple[SecretUrl, ...], many(database_url)] = ()
    read_your_writes: Annotated[str, duration] = "5s"

    @property
    def turns_of_a_tenant(self) -> int:
        """Connections that one tenant may hold at a time: three quarters of the pool by default."""
        return self.tenant_limit or -(-(self.pool_size + self.max_overflow) * 3 // 4)

    @property
    def statement_timeout_ms(self) -> int:
        """`statement_timeout` in milliseconds, PostgreSQL's own unit."""
        return duration_ms(self.statement_timeout)

    @property
    def read_your_writes_seconds(self) -> float:
        """`read_your_writes` in seconds."""
        return duration_ms(self.read_your_writes) / 1000

    @property
    def lock_timeout_ms(self) -> int | None:
        """`lock_timeout` in milliseconds; None for PostgreSQL's own."""
        return None if self.lock_timeout is None else duration_ms(self.lock_timeout)

    @property
    def idle_in_transaction_timeout_ms(self) -> int | None:
        """`idle_in_transaction_timeout` in milliseconds; None for PostgreSQL's own."""
        timeout = self.idle_in_transaction_timeout
        return None if timeout is None else duration_ms(timeout)


@dataclass(frozen=True, slots=True)
class Server:
    """`[server]`: where `fraiseql-strawberry serve` listens; port 0 takes any free one."""

    host: Annotated[str, matching(r"[A-Za-z0-9._:%-]{1,255}", "a host name or address")] = (
        "127.0.0.1"
    )
    port: Annotated[int, whole(0, 65_535)] = 8080


@dataclass(frozen=True, slots=True)
class Auth:
    """`[auth]`: how tokens are verified; `leeway` and `max_lifetime` are in seconds."""

    secret: Annotated[Secret | None, secret_text] = None
    secrets: Annotated[tuple[Secret, ...], many(secret_text)] = ()
    public_key: Annotated[
        str | None, matching(r"(?s:.{1,65536})", "a PEM public key or the path of one")
    ] = None
    jwks_url: Annotated[str | None, web_url] = None
    issuers: Annotated[tuple[str, ...], many(issuer_url)] = ()
    algorithms: Annotated[tuple[str, ...], many(_algorithm)] = ("HS256",)
    issuer: Annotated[str | None, words()] = None
    audience: Annotated[tuple[str, ...], many(words(), or_one=True)] = ()
    leeway: Annotated[int, whole(0, 600)] = 30
    max_lifetime: Annotated[int, whole(1, 315_360_000)] = 86_400
    tenant_claim: Annotated[str, _claim] = "tenant_id"
    tenants_claim: Annotated[str, _claim] = "tenants"
    user_claim: Annotated[str, _claim] = "sub"
    scope_claim: Annotated[str, _claim] = "scope"
    admin_scopes: Annotated[tuple[str, ...], many(words())] = ("admin:tenants",)

    @property
    def enabled(self) -> bool:
        """Whether there is a key to verify tokens with."""
        return bool(self.verifying_secrets or self.by_public_keys)

    @property
    def by_public_keys(self) -> bool:
        """Whether tokens are verified with keys that nobody can sign with."""
        return bool(self.public_key or self.jwks_url or self.issuers)

    @property
    def verifying_secrets(self) -> tuple[Secret, ...]:
        """Every HMAC secret that a token may be signed with."""
        return self.secrets or ((self.secret,) if self.secret else ())

    @property
    def signing_secret(self) -> Secret | None:
        """The HMAC secret that new tokens are signed with: the first one."""
        return self.verifying_secrets[0] if self.verifying_secrets else None


@dataclass(frozen=True, slots=True)
class Routing:
    """`[multitenancy.routing]`: where the database of each tenant is; times are in seconds."""

    registry_url: Annotated[SecretUrl | None, database_url] = None
    registry_table: Annotated[str, _table] = "tenant_databases"
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


@dataclass(frozen=True, slots=True)
class Limits:
    """`[multitenancy.limits]`: what one tenant may do, in each process of the service."""

    requests: Annotated[int | None, _count] = None
    period: Annotated[str, duration] = "1s"
    burst: Annotated[int | None, _count] = None
    subscriptions: Annotated[int, _count] = 1000
    waiting_events: Annotated[int, whole(1, 100_000)] = 100

    @property
    def period_seconds(self) -> float:
        """`period` in seconds."""
        return duration_ms(self.period) / 1000


@dataclass(frozen=True, slots=True)
class Seal:
    """`[multitenancy.seal]`: what tenants are sealed with; `lifetime` is in seconds."""

    key: Annotated[Secret | None, secret_text] = None
    key_file: Annotated[str | None, words("the path of a file")] = None
    lifetime: Annotated[int, whole(5, 86_400)] = 60


@dataclass(frozen=True, slots=True)
class Multitenancy:
    """`[multitenancy]`: how tenants are told apart and kept apart."""

    enabled: bool = True
    strategy: Strategy = "row"
    tenant_header: Annotated[
        str, matching(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", "the name of an HTTP header")
    ] = "X-Tenant-ID"
    trust_header: bool = False
    id_type: Literal["uuid", "slug"] = "uuid"
    setting: Annotated[
        str,
        matching(
            rf"{SEALED}|{_NAME}(?:\.{_NAME})+",
            f'a PostgreSQL setting such as "app.tenant_id", or "{SEALED}"',
        ),
    ] = "app.tenant_id"
    schema_template: Annotated[str, _template] = "tenant_{id}"
    shared_schemas: Annotated[tuple[str, ...], many(matching(_NAME, "the name of a schema"))] = ()
    role_template: Annotated[str | None, _template] = None
    database_template: Annotated[str, _template] = "tenant_{id}"
    tenants_table: Annotated[str | None, _table] = None
    migrations: Annotated[str | None, words("the path of a folder")] = None
    warm: Annotated[int, whole(0, 1000)] = 0
    startup_check: StartupCheck = "enforce"
    routing: Routing = field(default_factory=Routing)
    limits: Limits = field(default_factory=Limits)
    seal: Seal = field(default_factory=Seal)

    @property
    def sealed(self) -> bool:
        """Whether PostgreSQL believes a tenant only under a seal."""
        return self.setting == SEALED

    @property
    def bound_setting(self) -> str:
        """The setting that each transaction brings: the tenant itself, or its seal."""
        return SEAL_SETTING if self.sealed else self.setting


@dataclass(frozen=True, slots=True)
class Check:
    """`[check]`: findings that are known, each with the reason why it stands."""

    ignore: Annotated[
        tuple[str, ...],
        many(
            matching(
                r"[A-Z][0-9]{2}(?::\S+)? +\S(?s:.*)",
                'a finding and the reason why it stands: "T08:app.tb_plan it has ten rows"',
            )
        ),
    ] = ()

    @property
    def ignored(self) -> Mapping[str, str]:
        """The reason for each finding that is ignored, by its key."""
        return dict(cast("tuple[str, str]", entry.split(maxsplit=1)) for entry in self.ignore)


@dataclass(frozen=True, slots=True)
class Graphql:
    """`[graphql]`: what an operation may ask for."""

    ide: bool = True
    introspection: bool = True
    max_depth: Annotated[int, whole(1, 1000)] = 10
    max_aliases: Annotated[int, whole(0, 10_000)] = 30
    max_tokens: Annotated[int, _count] = 2000
    max_characters: Annotated[int, _count] = 100_000
    max_fields: Annotated[int, _count] = 2000
    max_merges: Annotated[int, _count] = 5000
    max_introspection_depth: Annotated[int, whole(1, 1000)] = 20
    fast_lane: bool = True
    persisted_queries: bool = True
    documents: Annotated[str | None, words("a path")] = None
    server_timing: bool = False
    max_limit: Annotated[int, _count] = 1000
    default_limit: Annotated[int, _count] = 100
    max_body_bytes: Annotated[int, whole(1, 1_000_000_000)] = 1_000_000
    max_socket_operations: Annotated[int, whole(1, 10_000)] = 100
    max_cost: Annotated[int, whole(1, 1_000_000_000)] = 100_000


@dataclass(frozen=True, slots=True)
class Migrations:
    """`[migrations]`: how Alembic brings every tenant's tables to the newest revision."""

    alembic: Annotated[str, words("a path")] = "alembic.ini"
    schema: Annotated[str, matching(_NAME, "the name of a schema")] = "app"
    owner: Annotated[str | None, matching(_NAME, "the name of a role")] = None
    version_table: Annotated[str, matching(_NAME, "the name of a table")] = "alembic_version"
    lock_timeout: Annotated[str, duration] = "3s"
    lock_attempts: Annotated[int, whole(1, 1000)] = 10
    exempt: Annotated[tuple[str, ...], many(_table)] = ()

    @property
    def lock_timeout_ms(self) -> int:
        """`lock_timeout` in milliseconds, PostgreSQL's own unit."""
        return duration_ms(self.lock_timeout)

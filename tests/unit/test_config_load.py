from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from fraiseql_strawberry.config import Config, SecretUrl, load_config, parse_config
from fraiseql_strawberry.config.reading import SECTIONS, rules_of
from fraiseql_strawberry.errors import ConfigError

URL = "postgresql://app:pw@db/app"
REGISTRY = "postgresql://app:pw@db/registry"
BLOCKS = {
    "row": '[multitenancy]\nenabled = true\nstrategy = "row"\ntenant_header = "X-Tenant-ID"\n',
    "schema": """
[multitenancy]
enabled = true
strategy = "schema"
tenant_header = "X-Tenant-ID"
""",
    "database": """
[multitenancy]
enabled = true
strategy = "database"
tenant_header = "X-Tenant-ID"
[multitenancy.routing]
# where each tenant's database is written down
registry_url = "${REGISTRY_DATABASE_URL}"
registry_table = "tenant_databases"
""",
}
COMPLETE = """
[project]
name = "blog-platform"
[database]
url = "${DATABASE_URL}"
[server]
port = 8080
[multitenancy]
enabled = true
strategy = "row"
tenant_header = "X-Tenant-ID"
"""
EVERYTHING = """
project.name = "blog"
server = { host = "0.0.0.0", port = "${PORT:-80}" }

[database]
url = "${DATABASE_URL}"
admin_url = "${ADMIN_DATABASE_URL:-}"
migrator_url = "${MIGRATOR_DATABASE_URL:-}"
pool_size = 20
max_overflow = 0
pool_timeout = 2.5
tenant_limit = 6
pooler = "transaction"
listen_url = "${LISTEN_URL:-}"
statement_timeout = "500ms"
lock_timeout = "1s"
idle_in_transaction_timeout = "2min"
read_your_writes = "2s"
replica_urls = [
  "${REPLICA_URL:-}",  # none yet
  "postgresql://replica/d",
]

[auth]
jwks_url = "https://id.example/jwks"
issuer = "https://id.example/"
audience = "blog"
leeway = 0
max_lifetime = 3600
tenant_claim = "app_metadata.tenant_id"
tenants_claim = "app_metadata.tenants"
user_claim = "uid"
scope_claim = "scp"
admin_scopes = []

[graphql]
ide = false
introspection = "${INTROSPECTION:-false}"
max_depth = 5
max_aliases = 0
max_tokens = 100
max_characters = 1000
max_fields = 50
max_merges = 60
max_introspection_depth = 15
max_socket_operations = 4
documents = "documents"
persisted_queries = false
fast_lane = false
max_limit = 10
default_limit = 5
max_body_bytes = 1000
max_cost = 10
server_timing = true

[check]
ignore = ["T08:app.tb_plan it has ten rows"]

[migrations]
alembic = "db/alembic.ini"
schema = "blog"
owner = "blog_owner"
version_table = "revision"
lock_timeout = "500ms"
lock_attempts = 3
exempt = ["tb_country", "blog.tb_currency"]

[multitenancy.routing]
registry_url = "${REGISTRY_DATABASE_URL}"
registry_table = "routing.databases"
tenant_password = "env:TENANT_PASSWORD"
refresh_seconds = 0.5
stale_seconds = 30
max_connections = 3
connections_per_tenant = 2
idle_seconds = 5
connect_timeout = 1.5
allowed_hosts = ["*.db.example.com", "10.0.0.7:5432", "[::1]"]
password_variables = ["TENANT_*"]
password_files = ["/etc/tenants/*"]

[multitenancy.seal]
lifetime = 30

[multitenancy.limits]
requests = 20
period = "1min"
burst = 50
subscriptions = 10
waiting_events = 5

[multitenancy]
strategy = "database"
tenant_header = "X-Org"
trust_header = true
id_type = "slug"
setting = "blog.tenant"
schema_template = "t_{id}"
role_template = "r_{id}"
shared_schemas = ["shared"]
database_template = "d_{id}"
tenants_table = "app.tenants"
migrations = "migrations"
warm = 3
startup_check = "warn"
"""


@pytest.mark.parametrize("strategy", BLOCKS)
def test_a_block_of_multitenancy_is_a_whole_file(strategy: str) -> None:
    env = {"DATABASE_URL": URL, "REGISTRY_DATABASE_URL": REGISTRY}
    config = parse_config(BLOCKS[strategy], env=env)
    assert config.multitenancy.strategy == strategy
    assert config.multitenancy.enabled
    assert config.multitenancy.tenant_header == "X-Tenant-ID"
    assert config.require_database_url() == SecretUrl(URL)
    assert config.warnings == ()
    routing = config.multitenancy.routing
    assert routing.registry_url == (SecretUrl(REGISTRY) if strategy == "database" else None)


def test_a_short_complete_file(tmp_path: Path) -> None:
    file = tmp_path / "fraiseql.toml"
    file.write_text(COMPLETE)
    config = load_config(str(file), env={"DATABASE_URL": URL, "JWT_SECRET": "19-bytes-of-secret!"})
    assert config.project.name == "blog-platform"
    assert config.database.url == SecretUrl(URL)
    assert config.server.port == 8080
    assert config.auth.algorithms == ("HS256",)
    assert config.path == file
    (warning,) = config.warnings
    assert "JWT_SECRET has fewer than 32 bytes" in warning


def test_every_key_is_read() -> None:
    env = {"DATABASE_URL": URL, "REGISTRY_DATABASE_URL": REGISTRY}
    config = parse_config(EVERYTHING, env=env)
    assert config.server.port == 80
    assert config.graphql.introspection is False
    assert config.database.admin_url is config.database.listen_url is None
    assert config.database.replica_urls == (SecretUrl("postgresql://replica/d"),)
    assert config.auth.audience == ("blog",)
    assert config.auth.admin_scopes == ()
    assert config.multitenancy.routing.refresh_seconds == 0.5
    given_by_others = {
        "admin_url",
        "migrator_url",
        "listen_url",
        "secret",
        "secrets",
        "public_key",
        "issuers",
        "key",
        "key_file",
        "enabled",
    }
    for path, section in SECTIONS.items():
        found: Any = config
        for part in path:
            found = getattr(found, str(part))
        for name in rules_of(section).keys() - given_by_others - {"algorithms"}:
            assert getattr(found, name) != getattr(section(), name), (path, name)


def test_an_empty_file_is_the_environment() -> None:
    assert parse_config("", env={}) == Config.from_env({}) == Config()


def test_empty_texts_are_not_given_or_refused() -> None:
    config = parse_config(
        '[auth]\nissuer = ""\nsecret = "${S}"\n[database]\nurl = ""\n', env={"S": "s" * 32}
    )
    assert config.auth.issuer is config.database.url is None
    with pytest.raises(ConfigError, match=r":2: \[server\] host must not be empty"):
        parse_config('[server]\nhost = ""\n', env={})
    assert parse_config('[server]\nhost = "${HOST:-}"\n', env={}).server.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("# one\n[server]\n# two\nport = 0.5 # three\n", 4, "[server] port must be a whole number"),
        ("server.port = true\n", 1, "[server] port must be a whole number"),
        ("server = { host = 'h',\n port = true }\n", 2, "[server] port must be a whole number"),
        (
            "[auth]\nadmin_scopes = [\n  'a', # b\n\n  5,\n]\n",
            5,
            "item 2 of [auth] admin_scopes must be",
        ),
        ("[auth]\nadmin_scopes = ['''a''',\n['b']]\n", 3, "item 2 of [auth] admin_scopes must be"),
        (
            "[project]\nname = '''a\nb'''\n[server]\nport = -1\n",
            2,
            "[project] name must be a text on one",
        ),
        (
            '[project]\nname = """\n[server]\nport = 1"""\n\n[server]\nport = -1\n',
            2,
            "[project] name",
        ),
        (
            "multitenancy.routing.max_connections = 0\n",
            1,
            "[multitenancy.routing] max_connections must",
        ),
        ("[[auth]]\nsecret = 'x'\n", 1, "[auth] must be a table"),
        ("x = 1\nserver = 5\n", 1, "no section or top-level key"),
        ("[multitenancy]\nrouting = []\n", 2, "[multitenancy.routing] must be a table"),
        (
            "[auth]\njwks_url = 'http://id.example/jwks'\n",
            2,
            "[auth] jwks_url must be an https URL",
        ),
        ("[auth]\ntenant_claim = 'a..b'\n", 2, "[auth] tenant_claim must be the name of a claim"),
        (
            "[multitenancy]\nsetting = 'tenant'\n",
            2,
            "[multitenancy] setting must be a PostgreSQL setting",
        ),
        (
            "[multitenancy]\ntenant_header = 'X Tenant'\n",
            2,
            "[multitenancy] tenant_header must be the name",
        ),
        (
            "[multitenancy]\ntenants_table = 'a; DROP'\n",
            2,
            "[multitenancy] tenants_table must be the name",
        ),
        (
            "[multitenancy]\nstartup_check = 'no'\n",
            2,
            '[multitenancy] startup_check must be "enforce", ',
        ),
        (
            "[database]\npooler = 'pgbouncer'\n",
            2,
            '[database] pooler must be "none", "session" or ',
        ),
        ("[database]\nstatement_timeout = 10\n", 2, "[database] statement_timeout must be a time"),
        (
            "[database]\npool_size = '${N}'\n",
            2,
            "[database] pool_size: the environment variable N is not",
        ),
        ("[project]\nname = '${'\n", 2, "[project] name: a ${…} is not closed"),
    ],
)
def test_an_error_has_the_line_of_its_value(text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, file="my.toml", env={"JWT_SECRET": "s" * 32})
    assert (caught.value.file, caught.value.line) == ("my.toml", line)
    assert str(caught.value).startswith(f"my.toml:{line}: ")
    assert says in str(caught.value)


def test_one_error_names_every_mistake_in_the_order_of_the_file() -> None:
    text = '[multitenancy]\nstrategi = "row"\n[server]\nport = "80"\n[project]\nname = "${GONE}"\n'
    with pytest.raises(ConfigError) as caught:
        parse_config(text, env={})
    first, second, third = str(caught.value).splitlines()
    assert first == (
        'fraiseql.toml:2: [multitenancy] has no key "strategi". Did you mean "strategy"?'
    )
    assert second.startswith("  fraiseql.toml:4: [server] port must be a whole number from 0 to ")
    assert third.startswith("  fraiseql.toml:6: [project] name: the environment variable GONE is ")


NAMES = st.sampled_from(
    sorted(
        {str(part) for path in SECTIONS for part in path}
        | {name for section in SECTIONS.values() for name in rules_of(section)}
    )
)
TEXTS = st.text(max_size=8) | st.sampled_from(
    [
        *("row", "schema", "database", "${A}", "${B:-1}", "${", "HS256", "none", "a{id}", "10s"),
        *("https://h", "postgresql://u:p@h/d", "-----BEGIN", "${JWT_SECRET}", "uuid", "true", "/"),
    ]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.integers(-5, 10**6) | st.booleans() | st.floats() | st.dates() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
)
ENVIRONMENTS = st.dictionaries(
    st.sampled_from(["A", "JWT_SECRET", "DATABASE_URL", "REGISTRY_DATABASE_URL", "FRAISEQL_ENV"]),
    TEXTS | st.text(),
)


@st.composite
def likely_files(draw: st.DrawFn) -> dict[str, Any]:
    """Tables of the right names, with values of any kind."""
    tables: dict[str, Any] = {}
    for path, section in SECTIONS.items():
        table: Any = tables
        for part in path:
            table = table.setdefault(part, {})
        names = st.sampled_from([*rules_of(section)])
        table |= draw(st.dictionaries(names, VALUES, max_size=3))
    return tables


def refusal(call: Callable[[], object]) -> ConfigError | None:
    """The error of a call, which may raise no other."""
    try:
        call()
    except ConfigError as error:
        return error
    return None


@settings(deadline=None)  # a busy machine is no fault
@given(st.dictionaries(NAMES, VALUES, max_size=4) | likely_files(), ENVIRONMENTS)
def test_any_toml_loads_or_is_one_config_error(data: dict[str, Any], env: dict[str, str]) -> None:
    text = tomlkit.dumps(data)
    error = refusal(lambda: parse_config(text, env=env))
    if error:
        assert error.line is None or 1 <= error.line <= text.count("\n") + 1
    else:
        config = parse_config(text, env=env)
        assert config.override() == config


@settings(deadline=None)  # a busy machine is no fault
@given(st.text(), ENVIRONMENTS)
def test_any_text_loads_or_is_one_config_error(text: str, env: dict[str, str]) -> None:
    error = refusal(lambda: parse_config(text, env=env))
    assert error is None or str(error)


@settings(deadline=None)  # a busy machine is no fault
@given(likely_files(), ENVIRONMENTS)
def test_any_overrides_fit_or_are_one_config_error(
    data: dict[str, Any], env: dict[str, str]
) -> None:
    if refusal(lambda: Config.from_env(env)):
        return
    config = Config.from_env(env)
    error = refusal(lambda: config.override(**data))
    if error:
        assert str(error).startswith(("overrides: ", "the environment: "))
    else:
        changed = config.override(**data)
        assert changed.override() == changed

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraiseql_strawberry.config import (
    Config,
    Secret,
    SecretUrl,
    load_config,
    parse_config,
    with_overrides,
)
from fraiseql_strawberry.errors import ConfigError

URL = "postgresql://app:hunter2@db/app"
REGISTRY = "postgresql://registry:hunter2@db/registry"
ENV = {"DATABASE_URL": URL, "REGISTRY_DATABASE_URL": REGISTRY, "JWT_SECRET": "hunter2" * 8}
ROUTED = (
    '[multitenancy]\nstrategy = "{}"\n[multitenancy.routing]\nregistry_url = "${{REGISTRY_URL}}"\n'
)


def test_the_environment_alone() -> None:
    config = Config.from_env(ENV)
    assert config.database.url == SecretUrl(URL)
    assert config.auth.signing_secret == Secret(ENV["JWT_SECRET"])
    assert config.multitenancy.strategy == "row"
    assert config.path is None
    assert (config.production, config.warnings) == (False, ())


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.delenv("JWT_SECRET", raising=False)
    assert Config.from_env().database.url == parse_config("").database.url == SecretUrl(URL)


def test_without_database_url_the_application_brings_an_engine() -> None:
    config = Config.from_env({})
    assert config.database.url is None
    with pytest.raises(ConfigError, match="the environment variable DATABASE_URL is not set"):
        config.require_database_url()
    assert Config.from_env(ENV).require_database_url() == SecretUrl(URL)


@pytest.mark.parametrize("url", ["sqlite:///hunter2.db", "mysql://u:hunter2@h/d", "hunter2"])
def test_an_implied_url_of_another_kind_is_an_error_only_where_it_is_needed(url: str) -> None:
    config = Config.from_env({"DATABASE_URL": url})
    assert config.database.url is None
    with pytest.raises(ConfigError, match="DATABASE_URL must be a PostgreSQL URL") as caught:
        config.require_database_url()
    assert "hunter2" not in str(caught.value)


def test_a_missing_variable_that_the_file_names_is_an_error_at_once() -> None:
    text = '[project]\nname = "x"\n\n[database]\n# the role\nurl = "${DATABASE_URL}"\n'
    with pytest.raises(ConfigError) as caught:
        parse_config(text, env={})
    assert caught.value.line == 6
    assert "[database] url: the environment variable DATABASE_URL is not set" in str(caught.value)


def test_the_administrator_is_never_implied() -> None:
    assert (
        Config.from_env({"ADMIN_DATABASE_URL": URL, "LISTEN_URL": URL}).database.admin_url is None
    )


@pytest.mark.parametrize("strategy", ["row", "schema"])
def test_unused_routing_is_not_interpolated(strategy: str) -> None:
    routing = parse_config(ROUTED.format(strategy), env={}).multitenancy.routing
    assert routing.registry_url is None
    assert routing.registry_table == "tenant_databases"


def test_how_long_a_tenant_is_believed_holds_for_every_table_of_tenants() -> None:
    text = (
        "[multitenancy]\n{}\n[multitenancy.routing]\nregistry_url = '${{REGISTRY_URL}}'\n"
        "refresh_seconds = '${{REFRESH}}'\nstale_seconds = '${{STALE}}'\n"
    )
    env = {"REFRESH": "5", "STALE": "50"}
    routing = parse_config(text.format('tenants_table = "t"'), env=env).multitenancy.routing
    assert (routing.refresh_seconds, routing.stale_seconds) == (5, 50)
    assert routing.registry_url is None
    with pytest.raises(ConfigError, match="REFRESH"):
        parse_config(text.format('tenants_table = "t"'), env={})
    assert parse_config(text.format(""), env={}).multitenancy.routing.refresh_seconds == 60


def test_unused_routing_is_checked_all_the_same() -> None:
    with pytest.raises(ConfigError, match=r':3: .* no key "registry". Did you mean "registry_url"'):
        parse_config('[multitenancy]\n[multitenancy.routing]\nregistry = "x"\n', env={})
    with pytest.raises(ConfigError, match=r":2: .* must be a whole number"):
        parse_config("[multitenancy.routing]\nmax_connections = 0\n", env={})


def test_used_routing_is_interpolated() -> None:
    text = ROUTED.format("database")
    config = parse_config(text, env={"REGISTRY_URL": REGISTRY})
    assert config.multitenancy.routing.registry_url == SecretUrl(REGISTRY)
    with pytest.raises(ConfigError, match=r":4: .* REGISTRY_URL is not set"):
        parse_config(text, env={})


def test_an_absent_registry_url_means_its_variable() -> None:
    text = '[multitenancy]\nstrategy = "database"\n'
    assert parse_config(text, env=ENV).require_registry_url() == SecretUrl(REGISTRY)
    with pytest.raises(ConfigError, match="REGISTRY_DATABASE_URL is not set"):
        parse_config(text, env={}).require_registry_url()


@pytest.mark.parametrize(
    ("text", "id_type"),
    [
        ("", "uuid"),
        ('strategy = "row"', "uuid"),
        ('strategy = "schema"', "slug"),
        ('strategy = "database"', "uuid"),
        ('strategy = "schema"\nid_type = "uuid"', "uuid"),
        ('id_type = "slug"', "slug"),
    ],
)
def test_the_form_of_ids_follows_the_strategy(text: str, id_type: str) -> None:
    assert parse_config(f"[multitenancy]\n{text}", env=ENV).multitenancy.id_type == id_type


def test_overrides_pass_the_same_validation() -> None:
    config = parse_config(ROUTED.format("row"), env=ENV)
    changed = with_overrides(
        config, {"multitenancy": {"strategy": "schema"}, "server": {"port": 1}}
    )
    assert changed == config.override(multitenancy={"strategy": "schema"}, server={"port": 1})
    assert (changed.multitenancy.strategy, changed.multitenancy.id_type) == ("schema", "slug")
    assert changed.server.port == 1
    assert config.multitenancy.strategy == "row"
    for overrides, says in (
        ({"multitenancy": {"strategi": 1}}, 'overrides: [multitenancy] has no key "strategi". Did'),
        ({"multitenancy": {"strategy": "rows"}}, "overrides: [multitenancy] strategy must be "),
        ({"multitenancy": {"routing": {"x": 1}}}, "overrides: [multitenancy.routing] has no key "),
        ({"multitenancy": 5}, "overrides: [multitenancy] must be a table"),
        ({"multitenacy": {}}, "overrides: there is no section"),
        ({"server": {"port": "80"}}, "overrides: [server] port must be a whole number"),
        ({"server": {5: 1}}, 'overrides: [server] has no key "5"'),
        ({"multitenancy": {"strategy": "database"}}, "fraiseql.toml:4: [multitenancy.routing] reg"),
    ):
        with pytest.raises(ConfigError) as caught:
            with_overrides(config, overrides)  # type: ignore[arg-type]
        assert str(caught.value).startswith(says)


def test_overrides_are_taken_as_they_are() -> None:
    config = Config.from_env(ENV).override(
        project={"name": "${NAME}"},
        database={"url": "postgresql://u:${x@h/d", "replica_urls": (SecretUrl(URL), REGISTRY)},
    )
    assert config.project.name == "${NAME}"
    assert config.require_database_url().reveal() == "postgresql://u:${x@h/d"
    assert config.database.replica_urls == (SecretUrl(URL), SecretUrl(REGISTRY))
    assert config.warnings == ()


def test_none_takes_a_key_back() -> None:
    config = parse_config('[server]\nport = 9\nhost = "::"', env=ENV)
    assert config.override(server={"port": None}).server.port == 8080
    assert config.override(server={"port": None}).server.host == "::"
    assert config.override(database={"url": None}).database.url == SecretUrl(URL)


def test_overrides_keep_what_replace_changed(tmp_path: Path) -> None:
    file = tmp_path / "fraiseql.toml"
    file.write_text('[server]\nport = 9\n[multitenancy]\ntenant_header = "X-A"\n')
    config = load_config(file, ENV)
    routing = dataclasses.replace(config.multitenancy.routing, max_connections=7)
    replaced = dataclasses.replace(
        config,
        production=True,
        server=dataclasses.replace(config.server, port=8080),
        database=dataclasses.replace(config.database, url=None, admin_url=SecretUrl(URL)),
        multitenancy=dataclasses.replace(config.multitenancy, tenant_header="X-B", routing=routing),
    )
    changed = replaced.override(multitenancy={"strategy": "schema"})
    assert changed.production
    assert changed.path == file
    assert changed.server.port == 8080
    assert changed.database.admin_url == SecretUrl(URL)
    assert changed.multitenancy.tenant_header == "X-B"
    assert changed.multitenancy.routing.max_connections == 7
    assert changed.multitenancy.strategy == "schema"
    assert changed.override(server={"host": "::"}).multitenancy == changed.multitenancy


def test_the_callers_mapping_may_change_later() -> None:
    overrides = {"port": 1}
    config = Config().override(server=overrides)
    overrides["prot"] = overrides.pop("port")
    assert config.override(project={"name": "x"}).server.port == 1


def test_a_configuration_does_not_leave_the_process() -> None:
    config = parse_config('[auth]\nsecret = "hunter2"\n', env=ENV)
    for shown in (
        repr(config),
        str(config),
        repr(config.origin),
        repr(dataclasses.asdict(config)),
        json.dumps(dataclasses.asdict(config), default=str),
        repr(dataclasses.astuple(config)),
        *config.warnings,
    ):
        assert "hunter2" not in shown
    for part in (config, config.origin, config.auth, config.database):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(part)
    with pytest.raises(TypeError):
        config.origin.__getstate__()
    assert copy.deepcopy(config) == config


def test_configurations_of_equal_content_are_equal() -> None:
    text = "[server]\nport = 9"
    assert parse_config(text, env=ENV) == parse_config(f"# x\n{text}", env=ENV)
    assert parse_config(text, env=ENV) != parse_config("", env=ENV)
    assert len({parse_config(text, env=ENV), parse_config(text, env=ENV)}) == 1


SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=4).map(
    lambda text: f"Zq{text}9Xw"
)


@settings(deadline=None)  # a busy machine is no fault
@given(SECRETS, st.sampled_from(["", "production"]), st.booleans())
def test_no_secret_of_the_environment_ever_shows(secret: str, said: str, broken: bool) -> None:
    """Wherever the file puts it, and whether or not the file is right."""
    text = """
        [database]
        url = "postgresql://u:${S}@h/d"
        admin_url = "${U}"
        replica_urls = ["postgresql://h/d?sslpassword=${S}"]
        [auth]
        secrets = ["${S}", "x${S}y"]
    """
    if broken:
        text += """
            leeway = "${S}"
            algorithms = ["${S}"]
            issuer = ["${S}"]
            public_key = "${S}"
            [server]
            host = "${U}"
            port = "${S}"
            [multitenancy]
            strategy = "${S}"
            schema_template = "${S}"
            [graphql]
            ide = "${S}"
        """
    env = {"S": secret, "U": f"postgresql://u:{secret}@h/d", "FRAISEQL_ENV": said}
    try:
        config = parse_config(text, env=env)
    except ConfigError as error:
        shown = f"{error!r} {error} {error.hint}"
    else:
        shown = f"{config!r} {config} {dataclasses.asdict(config)} {config.warnings}"
        assert not broken
        assert config.auth.secrets[0].reveal() == secret
    assert "Zq" not in shown
    assert "9Xw" not in shown

from __future__ import annotations

import pytest

from fraiseql_strawberry.config import Config, parse_config
from fraiseql_strawberry.errors import ConfigError

GOOD = "a-secret-of-at-least-thirty-two-bytes"
PRODUCTION = {"FRAISEQL_ENV": "production"}
RISKS = [
    ('[auth]\nsecret = "${JWT_SECRET}"', {"JWT_SECRET": "hunter2"}, 2, "[auth] secret has fewer"),
    ('[auth]\nsecrets = [\n"${A}", "${B}"]', {"A": GOOD, "B": "hunter2"}, 2, "secrets has fewer"),
    ("", {"JWT_SECRET": "hunter2"}, None, "JWT_SECRET has fewer"),
    (f'[auth]\nsecret = "{GOOD}"', {}, 2, "[auth] secret holds a secret"),
    (f'[auth]\nsecret = "${{GONE:-{GOOD}}}"', {}, 2, "[auth] secret holds a secret"),
    (f'[auth]\nsecrets = ["${{A}}", "{GOOD}"]', {"A": GOOD}, 2, "[auth] secrets holds a secret"),
    ('[database]\n\nurl = "postgresql://u:hunter2@h/d"', {}, 3, "[database] url holds a secret"),
    (
        '[database]\nreplica_urls = ["postgresql://h?token=hunter2"]',
        {},
        2,
        "replica_urls holds a secret",
    ),
    (
        '[multitenancy.routing]\nregistry_url = "postgresql://u:hunter2@h/d"',
        {},
        2,
        "registry_url holds",
    ),
]


@pytest.mark.parametrize(("text", "env", "line", "says"), RISKS)
def test_a_risk_is_a_warning_and_in_production_an_error(
    text: str, env: dict[str, str], line: int | None, says: str
) -> None:
    (warning,) = parse_config(text, env=env).warnings
    assert says in warning
    assert warning.startswith(f"fraiseql.toml:{line}: " if line else "fraiseql.toml: ")
    with pytest.raises(ConfigError) as caught:
        parse_config(text, env=env | PRODUCTION)
    assert str(caught.value) == warning
    assert "hunter2" not in warning
    assert GOOD not in warning


def test_a_default_limit_above_the_highest_is_a_mistake() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config("[graphql]\nmax_limit = 50\n\ndefault_limit = 51", env={})
    assert str(caught.value).startswith("fraiseql.toml:4: [graphql] default_limit is above max_li")
    assert parse_config("[graphql]\nmax_limit = 50", env={}).graphql.max_limit == 50
    parse_config("[graphql]\nmax_limit = 50\ndefault_limit = 50", env={})


@pytest.mark.parametrize(
    ("text", "env"),
    [
        ('[auth]\nsecret = "${JWT_SECRET}"', {"JWT_SECRET": GOOD}),
        ('[auth]\nsecret = "${JWT_SECRET:-hunter2}"', {"JWT_SECRET": GOOD}),
        ('[database]\nurl = "postgresql://u:${PW}@h/d"', {"PW": "hunter2"}),
        ('[database]\nurl = "postgresql://u@h/d?application_name=token-service"', {}),
        ('[database]\nurl = "${URL}"', {"URL": "postgresql://u:hunter2@h/d"}),
    ],
)
def test_secrets_of_the_environment_are_no_risk(text: str, env: dict[str, str]) -> None:
    config = parse_config(text, env=env | PRODUCTION)
    assert config.production
    assert config.warnings == ()


def test_overrides_are_no_file() -> None:
    config = Config.from_env(PRODUCTION).override(auth={"secret": GOOD})
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("said", "production"),
    [(None, False), ("", False), ("development", False), ("test", False), ("production", True)],
)
def test_only_the_exact_word_means_production(said: str | None, production: bool) -> None:
    env = {} if said is None else {"FRAISEQL_ENV": said}
    assert Config.from_env(env).production is production


@pytest.mark.parametrize("said", ["Production", "prod", " production", "PRODUCTION\n", "PROD"])
def test_a_near_miss_of_production_is_an_error(said: str) -> None:
    with pytest.raises(ConfigError, match="FRAISEQL_ENV nearly says production"):
        Config.from_env({"FRAISEQL_ENV": said})


@pytest.mark.parametrize("template", ["tenant_{id}", "t_{id}_x", "_{id}", "Kunde_{id}", "p_{id}"])
def test_templates_that_keep_schemas_apart(template: str) -> None:
    text = f'[multitenancy]\nschema_template = "{template}"'
    assert parse_config(text, env={}).multitenancy.schema_template == template


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{id}", "letters, digits and _ around one {id}"),
        ("tenant", "letters, digits and _ around one {id}"),
        ("t_{id}_{id}", "letters, digits and _ around one {id}"),
        ("t-{id}", "letters, digits and _ around one {id}"),
        ("1{id}", "letters, digits and _ around one {id}"),
        ("t_{id}\\n", "letters, digits and _ around one {id}"),
        ("t_{name}", "letters, digits and _ around one {id}"),
        ("pg_{id}", "could name a system schema"),
        ("pg_x_{id}", "could name a system schema"),
        ("p{id}", "could name a system schema"),
        ("pub{id}", "could name a system schema"),
        ("information_{id}", "could name a system schema"),
        (f"{'t' * 32}{{id}}", "leaves fewer than 32 bytes"),
    ],
)
def test_templates_that_could_hit_another_schema(template: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(f'[multitenancy]\n\nschema_template = "{template}"', env={})
    assert says in str(caught.value)
    assert caught.value.line == 3


def test_shared_schemas_are_no_schemas_of_tenants() -> None:
    text = '[multitenancy]\nshared_schemas = ["shared",\n"{}"]'
    ok = parse_config(text.replace("{}", "tenant_"), env={})
    assert ok.multitenancy.shared_schemas == ("shared", "tenant_")
    for name, says in {
        "tenant_shared": "could be the schema of a tenant",
        "pg_temp": "is a system schema",
    }.items():
        with pytest.raises(ConfigError) as caught:
            parse_config(text.replace("{}", name), env={})
        assert f"fraiseql.toml:3: item 2 of [multitenancy] shared_schemas {says}" in str(
            caught.value
        )

from __future__ import annotations

from pathlib import Path

import pytest

from fraiseql_strawberry.config import Config, Secret, load_config, parse_config
from fraiseql_strawberry.errors import ConfigError

GOOD = "a-secret-of-at-least-thirty-two-bytes"
ENV = {"JWT_SECRET": GOOD, "NEW": f"new-{GOOD}", "OLD": f"old-{GOOD}"}
PEM = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n"
JWKS = 'jwks_url = "https://keys.example/jwks"'


def parse(*lines: str, env: dict[str, str] = ENV) -> Config:
    return parse_config("\n".join(["[auth]", *lines]), env=env)


def refusal(*lines: str, env: dict[str, str] = ENV) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(*lines, env=env)
    return caught.value


def test_jwt_secret_alone_means_hs256() -> None:
    for config in (parse_config("", env=ENV), Config.from_env(ENV), parse('issuer = "me"')):
        assert config.auth.enabled
        assert config.auth.signing_secret == Secret(GOOD)
        assert config.auth.algorithms == ("HS256",)
        assert config.warnings == ()


def test_without_any_key_there_is_no_authentication() -> None:
    assert not parse_config("", env={}).auth.enabled


@pytest.mark.parametrize(
    "lines", [(), ('issuer = "me"',), ('secret = "${JWT_SECRET:-}"',), ("secrets = []",)]
)
def test_a_section_without_a_key_does_not_switch_authentication_off(lines: tuple[str, ...]) -> None:
    error = refusal(*lines, env={})
    assert "nor any other key to verify tokens with" in str(error)
    assert "JWT_SECRET" in str(error)


def test_an_empty_variable_does_not_switch_authentication_off() -> None:
    with pytest.raises(ConfigError, match="JWT_SECRET is empty"):
        Config.from_env({"JWT_SECRET": ""})
    assert "JWT_SECRET is empty" in str(refusal(env={"JWT_SECRET": ""}))


def test_rotation_signs_with_the_first() -> None:
    auth = parse('secrets = ["${NEW}", "${OLD}", "${OLDER:-}"]').auth
    assert auth.signing_secret == Secret(ENV["NEW"])
    assert auth.verifying_secrets == (Secret(ENV["NEW"]), Secret(ENV["OLD"]))


def test_a_missing_secret_has_the_line_of_its_element() -> None:
    error = refusal('secrets = ["${NEW}",', '  "${GONE}",', "]")
    assert error.line == 3
    assert "item 2 of [auth] secrets: the environment variable GONE is not set" in str(error)


def test_two_keys_of_one_kind_are_refused() -> None:
    error = refusal('secret = "${OLD}"', 'secrets = ["${NEW}"]')
    assert "fraiseql.toml:3: [auth] secrets and secret are both set. Keep one" in str(error)
    error = refusal(f"public_key = '''{PEM}'''", JWKS)
    assert "[auth] jwks_url and public_key are both set" in str(error)


def test_public_keys_leave_secrets_alone() -> None:
    """Not even interpolated: the variable may be gone."""
    config = parse(JWKS, 'secret = "${GONE}"')
    assert config.auth.verifying_secrets == ()
    assert config.auth.jwks_url == "https://keys.example/jwks"
    assert config.auth.algorithms == ("RS256", "ES256")
    (warning,) = config.warnings
    assert warning.startswith("fraiseql.toml:3: [auth] secret is not used beside jwks_url. Take it")


def test_an_empty_key_set_url_leaves_the_secret_in_use() -> None:
    config = parse('jwks_url = "${JWKS_URL:-}"', 'secret = "${JWT_SECRET}"')
    assert config.auth.signing_secret == Secret(GOOD)
    assert config.auth.algorithms == ("HS256",)
    assert config.warnings == ()


def test_jwt_secret_is_not_read_beside_public_keys() -> None:
    config = parse(JWKS, env={"JWT_SECRET": "short"})
    assert config.auth.verifying_secrets == ()
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            ('algorithms = ["none"]',),
            'item 1 of [auth] algorithms must not be "none". An unsigned token',
        ),
        (('algorithms = ["HS256", "NONE"]',), 'item 2 of [auth] algorithms must not be "none"'),
        (('algorithms = ["hs256"]',), 'Did you mean "HS256"?'),
        (('algorithms = ["HS256", "RS256"]',), "must not mix HS256 with RS256"),
        (('algorithms = ["RS256"]',), "names RS256, which needs a public key"),
        (("algorithms = []",), "must not be empty"),
        (('algorithms = "HS256"',), "must be a list, not a text"),
        ((JWKS, 'algorithms = ["HS256"]'), "must not name HS256 beside public keys"),
        ((JWKS, 'algorithms = ["HS256", "RS256"]'), "must not mix HS256 with RS256"),
    ],
)
def test_algorithms_fit_the_keys(lines: tuple[str, ...], says: str) -> None:
    error = refusal(*lines)
    assert says in str(error)
    assert error.line == 1 + len(lines)


@pytest.mark.parametrize("name", ["RS256", "RS512", "ES256", "ES384", "PS256", "EdDSA"])
def test_public_keys_take_any_public_algorithm(name: str) -> None:
    assert parse(JWKS, f'algorithms = ["{name}"]').auth.algorithms == (name,)


def test_a_public_key_as_text_or_file(tmp_path: Path) -> None:
    assert parse(f"public_key = '''{PEM}'''").auth.public_key == PEM
    assert parse('public_key = "${PEM}"', env={"PEM": PEM}).auth.public_key == PEM
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "jwt.pem").write_text(PEM)
    file = tmp_path / "fraiseql.toml"
    for path in ("keys/jwt.pem", str(tmp_path / "keys" / "jwt.pem")):
        file.write_text(f'[auth]\npublic_key = "{path}"\n')
        auth = load_config(file, env={}).auth
        assert auth.public_key == PEM
        assert auth.algorithms == ("RS256", "ES256")


def test_what_is_no_public_key(tmp_path: Path) -> None:
    file = tmp_path / "fraiseql.toml"
    (tmp_path / "private.pem").write_text(
        "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----"
    )
    (tmp_path / "text.pem").write_text("hunter2")
    (tmp_path / "binary.pem").write_bytes(b"\xff\xfe")
    cases = {
        "private.pem": "is a private key, which must not be here. Give the public half",
        "text.pem": "must be a PEM public key",
        "binary.pem": "cannot be read from its file: not a text file",
        "gone.pem": "cannot be read from its file: no such file or directory",
        ".": "cannot be read from its file: is a directory",
        "a\\u0000b": "cannot be read from its file: not a text file",
    }
    for path, says in cases.items():
        file.write_text(f'[auth]\n# a comment\npublic_key = "{path}"\n')
        with pytest.raises(ConfigError) as caught:
            load_config(file, env={})
        assert f"{file}:3: [auth] public_key {says}" in str(caught.value)
        assert "hunter2" not in str(caught.value)
        assert "both" not in str(caught.value)


def test_an_override_may_change_the_kind_of_key() -> None:
    public = parse(JWKS)
    secret = public.override(auth={"secret": GOOD})
    assert secret.auth.jwks_url is None
    assert secret.auth.signing_secret == Secret(GOOD)
    assert secret.auth.algorithms == ("HS256",)
    again = secret.override(auth={"jwks_url": "https://other.example/jwks"})
    assert again.auth.verifying_secrets == ()
    assert again.auth.jwks_url == "https://other.example/jwks"
    assert again.warnings == ()


def test_an_override_may_rotate() -> None:
    config = parse('secret = "${OLD}"').override(auth={"secrets": [Secret("x" * 32), ENV["OLD"]]})
    assert config.auth.verifying_secrets == (Secret("x" * 32), Secret(ENV["OLD"]))
    back = config.override(auth={"secrets": None})
    assert back.auth.verifying_secrets == (Secret(ENV["OLD"]),)


def test_issuers_are_public_keys_of_their_own() -> None:
    config = parse(
        'issuers = ["https://a.example/", "http://localhost:8000"]', 'secret = "${GONE}"'
    )
    assert config.auth.issuers == ("https://a.example/", "http://localhost:8000")
    assert config.auth.enabled
    assert config.auth.by_public_keys
    assert config.auth.verifying_secrets == ()
    assert config.auth.algorithms == ("RS256", "ES256")


@pytest.mark.parametrize(
    ("issuer", "words"),
    [
        ("http://a.example", "https URL"),
        ("https://a.example/?x=1", "without a query"),
        ("https://a.example/#x", "without a query"),
        ("https://u:p@a.example/", "credentials"),
        ("a.example", "https URL"),
    ],
)
def test_an_issuer_is_an_https_url(issuer: str, words: str) -> None:
    error = refusal(f'issuers = ["https://good.example", "{issuer}"]')
    assert "item 2 of [auth] issuers" in str(error)
    assert words in str(error)


def test_issuers_go_with_no_other_key_and_no_issuer() -> None:
    issuers = 'issuers = ["https://a.example"]'
    assert "both set" in str(refusal(issuers, JWKS))
    assert "both set" in str(refusal(issuers, 'issuer = "https://a.example"'))
    assert "HS256 beside public keys" in str(refusal(issuers, 'algorithms = ["HS256"]'))

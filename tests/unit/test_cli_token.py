from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fraiseql_strawberry.auth import Claims
from fraiseql_strawberry.cli.application import app
from fraiseql_strawberry.config import load_config
from fraiseql_strawberry.verification import build_verifier

ACME = "11111111-1111-4111-8111-111111111111"
SECRET = "a-secret-for-tests-that-is-long-enough-for-anyone"

TOML = """
[auth]
secret = "${JWT_SECRET}"
algorithms = ["HS384"]
issuer = "https://id.example.com/"
audience = ["blog", "shop"]
tenant_claim = "app_metadata.tenant"
user_claim = "uid"
scope_claim = "permissions"
max_lifetime = 7200
"""


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "FRAISEQL_ENV", "FRAISEQL_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JWT_SECRET", SECRET)


WriteToml = Callable[[str], object]


@pytest.fixture
def write_toml() -> WriteToml:
    return Path("fraiseql.toml").write_text


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["token", *arguments])


async def verified(token: str) -> Claims:
    """What the service itself reads in a token."""
    verifier = build_verifier(load_config("fraiseql.toml"))
    assert verifier is not None
    return await verifier.verify(token.strip())


async def test_only_the_token_is_on_stdout_and_the_service_takes_it(write_toml: WriteToml) -> None:
    write_toml("")
    result = run("--tenant", ACME.upper(), "--scope", "write:posts", "--scope", "read")
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    claims = await verified(result.stdout)
    assert (claims.tenant_id, claims.user_id) == (ACME, "developer")
    assert claims.scopes == {"write:posts", "read"}
    assert claims["exp"] - claims["iat"] == 3600
    assert "warning: for development only" in result.stderr
    assert ACME in result.stderr
    assert SECRET not in result.output


async def test_the_claims_are_those_of_the_configuration(write_toml: WriteToml) -> None:
    write_toml(TOML)
    result = run("--tenant", ACME, "--user", "anna", "--lifetime", "2h")
    claims = await verified(result.stdout)
    assert claims["app_metadata"] == {"tenant": ACME}
    assert claims["uid"] == "anna"
    assert claims["aud"] == "blog"
    assert claims["exp"] - claims["iat"] == 7200


def test_as_json() -> None:
    before = datetime.now(UTC)
    result = run("--tenant", ACME, "--scope", "read", "--lifetime", "90s", "--json")
    answer = json.loads(result.stdout)
    assert answer.pop("token").count(".") == 2
    expires = datetime.fromisoformat(answer.pop("expires_at"))
    assert 88 < (expires - before).total_seconds() < 100
    assert answer == {"tenant_id": ACME, "user_id": "developer", "scopes": ["read"]}


def test_the_configuration_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = tmp_path / "other.toml"
    named.write_text('[multitenancy]\nid_type = "slug"\n')
    assert run("--tenant", "acme", "--config", str(named)).exit_code == 0
    monkeypatch.setenv("FRAISEQL_CONFIG", str(named))
    assert run("--tenant", "acme").exit_code == 0
    monkeypatch.setenv("FRAISEQL_CONFIG", "missing.toml")
    missing = run("--tenant", "acme")
    assert missing.exit_code == 2
    assert missing.stderr.startswith("error: missing.toml: there is no such file")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tenant", "acme"), "--tenant 'acme' is no tenant id: [multitenancy] id_type is 'uuid'"),
        (("--tenant", ACME, "--lifetime", "soon"), "--lifetime must be a time with its unit"),
        (("--tenant", ACME, "--lifetime", "2d"), "takes tokens of 1 to 86400 seconds"),
        (("--tenant", ACME, "--lifetime", "10ms"), "takes tokens of 1 to 86400 seconds"),
    ],
)
def test_what_the_service_would_refuse_is_not_minted(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_production_wants_a_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAISEQL_ENV", "production")
    refused = run("--tenant", ACME)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--yes" in refused.stderr
    assert run("--tenant", ACME, "--yes").exit_code == 0


def test_a_short_secret_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", "short")
    result = run("--tenant", ACME)
    assert result.exit_code == 0
    assert (
        "warning: the environment: the environment variable JWT_SECRET has fewer" in result.stderr
    )


def test_without_a_secret_nothing_can_be_signed(
    monkeypatch: pytest.MonkeyPatch, write_toml: WriteToml
) -> None:
    monkeypatch.delenv("JWT_SECRET")
    assert "set JWT_SECRET" in run("--tenant", ACME).stderr
    write_toml('[auth]\njwks_url = "https://id.example.com/keys"\n')
    result = run("--tenant", ACME)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "only who has the private key can sign one" in result.stderr

from __future__ import annotations

import hashlib
import hmac
import logging
import os
from pathlib import Path

import pytest

from fraiseql_strawberry.config import Config, Secret, load_config, parse_config
from fraiseql_strawberry.errors import ConfigError, SetupError
from fraiseql_strawberry.seal import KeyFile, Sealer, key_id, key_pads, tenant_values

KEY = "a-key-of-at-least-thirty-two-bytes-x"
TENANT = "11111111-1111-4111-8111-111111111111"
ENV = {"DATABASE_URL": "postgresql://h/d", "SEAL_KEY": KEY}
SEALED = '[multitenancy]\nsetting = "sealed"\n[multitenancy.seal]\n'


def test_a_seal_is_the_tenant_its_expiry_and_a_mac() -> None:
    seal = Sealer(lambda: Secret(KEY), 60, clock=lambda: 1_000.9)(TENANT)
    tenant, expiry, mac = seal.split("|")
    assert (tenant, expiry) == (TENANT, "1060")
    assert mac == hmac.new(KEY.encode(), f"{TENANT}|1060".encode(), "sha256").hexdigest()
    assert KEY not in seal


@pytest.mark.parametrize("length", [32, 63, 64, 65, 300])
def test_the_pads_make_the_same_mac(length: int) -> None:
    key = Secret("k" * length)
    inner, outer = key_pads(key)
    made = hashlib.sha256(outer + hashlib.sha256(inner + b"text").digest()).digest()
    assert made == hmac.digest(key.reveal().encode(), b"text", "sha256")
    assert len(inner) == len(outer) == 64


def test_a_name_tells_nothing_of_its_key() -> None:
    assert key_id(Secret(KEY)) == key_id(Secret(KEY))
    assert key_id(Secret(KEY)) != key_id(Secret(KEY + "x"))
    assert key_id(Secret(KEY)) not in hashlib.sha256(KEY.encode()).hexdigest()


def test_a_file_is_read_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    file = tmp_path / "seal.key"
    file.write_text(KEY + "\n")
    key = KeyFile(str(file))
    assert key() == Secret(KEY)
    new = tmp_path / "new"
    new.write_text(KEY.upper())
    new.replace(file)
    assert key() == Secret(KEY)  # it was looked at a moment ago
    now += 1.5
    assert key() == Secret(KEY.upper())
    for broken in ("", "too short"):
        file.write_text(broken)
        now += 1.5
        with caplog.at_level(logging.WARNING):
            assert key() == Secret(KEY.upper())
    assert len(caplog.records) == 2
    assert KEY.upper() not in caplog.text
    file.unlink()
    now += 1.5
    assert key() == Secret(KEY.upper())
    file.write_text(KEY)
    now += 1.5
    assert key() == Secret(KEY)


@pytest.mark.parametrize("content", [None, b"", b"short", b"\xff" * 40])
def test_a_file_without_a_key_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "seal.key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SetupError, match="seal rotate"):
        KeyFile(os.fspath(file))


def test_the_plain_setting_has_no_seal() -> None:
    assert tenant_values(Config()) is None


def test_a_key_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    config = parse_config(SEALED + 'key = "${SEAL_KEY}"\nlifetime = 30', env=ENV)
    assert config.multitenancy.bound_setting == "app.tenant_seal"
    assert config.warnings == ()
    assert KEY not in repr(config)
    seal = tenant_values(config)
    assert seal is not None
    assert seal(TENANT).startswith(f"{TENANT}|")
    (tmp_path / "seal.key").write_text(KEY)
    (tmp_path / "fraiseql.toml").write_text(SEALED + 'key_file = "seal.key"')
    config = load_config(tmp_path / "fraiseql.toml", ENV)
    assert config.multitenancy.seal.key_file == str(tmp_path / "seal.key")
    assert tenant_values(config) is not None


def test_a_key_is_needed_where_something_is_sealed() -> None:
    config = parse_config(SEALED + 'key = "${GONE:-}"', env=ENV)
    with pytest.raises(SetupError, match="no key to seal with"):
        tenant_values(config)


def test_a_key_is_not_read_where_nothing_is_sealed() -> None:
    config = parse_config('[multitenancy.seal]\nkey = "${GONE}"', env=ENV)
    assert config.multitenancy.seal.key is None
    assert config.multitenancy.bound_setting == "app.tenant_id"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SEALED + 'key = "${SEAL_KEY}"\nkey_file = "x"', "and key_file are both set"),
        (SEALED + 'key = "short"', "must have 32 bytes or more"),
        (SEALED + 'key = "${GONE}"', "GONE"),
        (SEALED + 'key = "${SEAL_KEY}"\nlifetime = 1', "from 5 to 86400"),
        (SEALED + 'keys = ["x"]', "key"),
        (
            '[multitenancy]\nstrategy = "schema"\nsetting = "sealed"\n[multitenancy.seal]\nkey = "${SEAL_KEY}"',
            'must not be "sealed" here',
        ),
        ('[multitenancy]\nsetting = "seal"', 'or "sealed"'),
    ],
)
def test_a_mistake_is_one_clear_error(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, env=ENV)
    assert says in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_key_in_the_file_itself_is_a_risk() -> None:
    (warning,) = parse_config(SEALED + f'key = "{KEY}"', env=ENV).warnings
    assert "holds a secret in plain text" in warning
    assert KEY not in warning

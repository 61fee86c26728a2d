from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from fraiseql_strawberry.config import Auth, Config, Database, Secret
from fraiseql_strawberry.config.reading import SECTIONS, rules_of

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


@pytest.mark.parametrize("section", [*SECTIONS.values(), Config])
def test_sections_are_frozen_and_slotted(section: type[Any]) -> None:
    value = section()
    name = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, None)
    assert not hasattr(value, "__dict__")
    assert dataclasses.replace(value, **{name: getattr(value, name)}) == value
    assert hash(value) == hash(section())


@pytest.mark.parametrize("section", SECTIONS.values())
def test_every_key_has_a_rule(section: type[Any]) -> None:
    keys = {field.name for field in dataclasses.fields(section)} - {"routing", "limits", "seal"}
    assert set(rules_of(section)) == keys


@pytest.mark.parametrize("section", SECTIONS.values())
def test_every_default_keeps_its_own_rule(section: type[Any]) -> None:
    for name, rule in rules_of(section).items():
        default = getattr(section(), name)
        if default is not None:
            assert rule(default) == default


def test_the_first_secret_signs_and_all_verify() -> None:
    old, new = Secret("old"), Secret("new")
    assert Auth(secret=old).verifying_secrets == (old,)
    assert Auth(secret=old).signing_secret == old
    assert Auth(secrets=(new, old)).verifying_secrets == (new, old)
    assert Auth(secrets=(new, old)).signing_secret == new
    assert Auth().signing_secret is None


def test_auth_is_enabled_by_any_key() -> None:
    assert not Auth().enabled
    for auth in (
        Auth(secret=Secret("s")),
        Auth(secrets=(Secret("s"),)),
        Auth(public_key="-----BEGIN PUBLIC KEY-----"),
        Auth(jwks_url="https://keys.example/jwks"),
    ):
        assert auth.enabled


def test_the_statement_timeout_in_milliseconds() -> None:
    assert Database().statement_timeout_ms == 10_000
    assert Database(statement_timeout="2min").statement_timeout_ms == 120_000


def test_the_other_timeouts_are_postgresqls_own_unless_given() -> None:
    assert Database().lock_timeout_ms is None
    assert Database().idle_in_transaction_timeout_ms is None
    given = Database(lock_timeout="3s", idle_in_transaction_timeout="1min")
    assert given.lock_timeout_ms == 3_000
    assert given.idle_in_transaction_timeout_ms == 60_000


def shown_default(value: object) -> str:
    """A default as the reference writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{value}`".lower()
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{item}"' for item in value) + "]`"
    if isinstance(value, float):
        return f"`{value:g}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


@pytest.mark.parametrize("path", SECTIONS)
def test_the_reference_lists_every_key_with_its_default(path: tuple[str, ...]) -> None:
    title = f"## `[{'.'.join(path)}]`"
    chapter = PAGE.read_text("utf-8").partition(f"{title}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \|\s*([^|]*?)\s*\|", chapter, re.MULTILINE)
    section = SECTIONS[path]()
    assert dict(rows) == {
        name: shown_default(getattr(section, name)) for name in rules_of(type(section))
    }

"""Claims: typed where tenancy needs them, read-only for everyone."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraiseql_strawberry.auth import Claims, InvalidToken, TokenRules

PAYLOAD: dict[str, Any] = {
    "sub": "user-1",
    "tenant_id": "acme",
    "tenants": ["acme", "globex"],
    "scope": "write:posts read:posts",
    "exp": 1_800_000_000,
    "app_metadata": {"tenant_id": "nested", "roles": ["editor"], "list": [{"deep": 1}]},
}

# Small alphabets: all of Unicode takes a second to tabulate, which the first draw would pay.
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab é", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def read(payload: dict[str, Any], **rules: Any) -> Claims:
    return Claims.read(payload, TokenRules(**rules))


def test_the_typed_claims() -> None:
    claims = read(PAYLOAD)
    assert claims.tenant_id == "acme"
    assert claims.tenants == ("acme", "globex")
    assert claims.user_id == "user-1"
    assert claims.scopes == frozenset({"write:posts", "read:posts"})
    assert claims.expires_at == 1_800_000_000.0
    assert not claims.anonymous


def test_a_request_without_a_token_has_empty_claims() -> None:
    claims = Claims()
    assert claims.anonymous
    assert dict(claims) == {}
    assert claims.get("tenant_id") is None
    assert (claims.tenant_id, claims.tenants, claims.user_id) == (None, (), None)
    assert claims.scopes == frozenset()
    assert claims.expires_at is None


def test_it_reads_like_a_dict() -> None:
    claims = read(PAYLOAD)
    assert claims["tenant_id"] == claims.get("tenant_id") == "acme"
    assert claims.get("absent", "default") == "default"
    assert "sub" in claims
    assert "absent" not in claims
    assert len(claims) == len(PAYLOAD)
    assert dict(claims) == PAYLOAD == {**claims}
    assert claims == PAYLOAD
    assert json.loads(json.dumps(dict(claims))) == PAYLOAD
    with pytest.raises(KeyError):
        claims["absent"]


def test_nobody_can_poison_the_claims_of_another_request() -> None:
    shared = read(PAYLOAD)
    shared["app_metadata"]["tenant_id"] = "globex"
    shared["app_metadata"]["roles"].append("admin")
    shared.get("app_metadata")["list"][0]["deep"] = 2
    shared["tenants"].append("initech")
    for value in shared.values():
        if isinstance(value, dict | list):
            value.clear()
    assert dict(shared) == PAYLOAD
    assert shared.tenants == ("acme", "globex")


def test_the_payload_it_was_read_from_may_change_later() -> None:
    payload = json.loads(json.dumps(PAYLOAD))
    claims = read(payload)
    payload["app_metadata"]["roles"].append("admin")
    payload["tenant_id"] = "globex"
    assert claims == PAYLOAD


@pytest.mark.parametrize("name", ["tenant_id", "tenants", "user_id", "scopes", "expires_at", "new"])
def test_attributes_cannot_be_set(name: str) -> None:
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        setattr(read(PAYLOAD), name, "other")


def test_items_cannot_be_set_or_deleted() -> None:
    claims: Any = read(PAYLOAD)
    with pytest.raises(TypeError):
        claims["tenant_id"] = "globex"
    with pytest.raises(TypeError):
        del claims["tenant_id"]


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), _json, max_size=4))
def test_whatever_it_holds_comes_out_equal_and_fresh(payload: dict[str, Any]) -> None:
    claims = read(payload)
    assert claims == payload
    for key, value in claims.items():
        if isinstance(value, list | dict):
            assert value is not claims.get(key)


def test_its_repr_names_no_other_content() -> None:
    shown = repr(read({**PAYLOAD, "email": "anna@example.com"}))
    assert "anna" not in shown
    assert "acme" in shown


@pytest.mark.parametrize(
    ("path", "payload", "expected"),
    [
        ("tenant_id", {"tenant_id": "a"}, "a"),
        ("tenant_id", {}, None),
        ("tenant_id", {"tenant_id": None}, None),
        ("app_metadata.tenant_id", {"app_metadata": {"tenant_id": "a"}}, "a"),
        ("a.b.c", {"a": {"b": {"c": "a"}}}, "a"),
        ("a.b", {"a": "text"}, None),
        ("a.b", {"a": [{"b": "a"}]}, None),
        ("a.b", {"a": {}}, None),
        ("a.b", {"a.b": "whole", "a": {"b": "path"}}, "whole"),
        ("https://example.com/tenant_id", {"https://example.com/tenant_id": "a"}, "a"),
        ("https://example.com/x.tenant", {"https://example.com/x": {"tenant": "a"}}, "a"),
        ("a.b.c", {"a": {"b.c": "a"}}, "a"),
        (".", {"": {"": "a"}}, None),
    ],
)
def test_dotted_paths(path: str, payload: dict[str, Any], expected: str | None) -> None:
    assert read(payload, tenant_claim=path).tenant_id == expected


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("a b", {"a", "b"}),
        ("  a   b ", {"a", "b"}),
        ("", set()),
        (["a", "b"], {"a", "b"}),
        (["a b"], {"a b"}),
        ([], set()),
        (None, set()),
    ],
)
def test_scopes_are_a_string_or_a_list(scope: object, expected: set[str]) -> None:
    assert read({"scope": scope}).scopes == expected


@pytest.mark.parametrize("claim", ["tenant_id", "sub"])
@pytest.mark.parametrize("value", [1, 1.5, True, [], ["acme"], {}, {"id": "a"}, "a\0b", "\ud800"])
def test_a_tenant_or_user_that_is_not_text_is_refused(claim: str, value: object) -> None:
    with pytest.raises(InvalidToken, match=claim):
        read({claim: value})


@pytest.mark.parametrize("value", [1, True, {}, {"acme": {}}, [1], ["a", None], [["a"]], ["\0"]])
@pytest.mark.parametrize("claim", ["scope", "tenants"])
def test_scopes_and_memberships_of_another_type_are_refused(claim: str, value: object) -> None:
    with pytest.raises(InvalidToken, match=claim):
        read({claim: value})


def test_memberships_are_a_list_and_never_a_string() -> None:
    with pytest.raises(InvalidToken, match="tenants"):
        read({"tenants": "acme globex"})


def test_deep_nesting_is_refused_by_a_bound_of_its_own() -> None:
    value: Any = "x"
    for _ in range(31):
        value = [value]
    assert read({"deep": value})["deep"] == value
    with pytest.raises(InvalidToken, match="nested"):
        read({"deep": [value]})

"""`info.context`: a mapping and an object at once, over the request's own scope."""

from __future__ import annotations

from typing import Any

import pytest
from strawberry.fastapi import BaseContext

from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.auth import Claims, TokenRules
from fraiseql_strawberry.config import Config
from fraiseql_strawberry.errors import Forbidden, TenantSwitchRefused
from fraiseql_strawberry.graphql.context import Context, make_context
from fraiseql_strawberry.scope import RequestScope

A, B = "aaaaaaaa-1111-4111-8111-111111111111", "bbbbbbbb-2222-4222-8222-222222222222"
ENV = {"DATABASE_URL": "postgresql://app@localhost/x", "JWT_SECRET": "s" * 40}


@pytest.fixture(scope="module")
def tenancy() -> Tenancy:
    return Tenancy(Config.from_env(ENV))


def claims(**members: Any) -> Claims:
    return Claims.read({"exp": 1_800_000_000, "sub": "u-1", **members}, TokenRules())


@pytest.fixture
def context(tenancy: Tenancy) -> Context:
    return make_context(tenancy, RequestScope(A, claims=claims(), source="claim"))


def test_keys_and_attributes_are_the_same(context: Context) -> None:
    assert context["tenant_id"] == context.tenant_id == A
    assert context["user_id"] == context.user_id == "u-1"
    assert context["claims"] is context.claims
    context["note"] = "by key"
    assert context.note == "by key"  # type: ignore[attr-defined]
    context.other = "by attribute"  # type: ignore[attr-defined]
    assert context["other"] == "by attribute"


def test_it_is_a_mapping(context: Context) -> None:
    context["note"] = 1
    assert {"tenant_id", "user_id", "claims", "note"} <= set(context)
    assert "nope" not in context
    assert 7 not in context
    assert context.get("nope") is None
    assert context.get("nope", 2) == 2
    with pytest.raises(KeyError):
        context["nope"]
    assert len(context) == len(list(context))
    assert dict(context)["note"] == 1
    del context["note"]
    assert "note" not in context
    context.update(a=1, b=2)
    assert (context.pop("a"), context.setdefault("b", 3)) == (1, 2)


def test_two_contexts_are_never_equal(tenancy: Tenancy, context: Context) -> None:
    other = make_context(tenancy, context.scope)
    assert context != other
    assert context == context  # noqa: PLR0124
    assert len({context, other}) == 2


@pytest.mark.parametrize("key", ["_scope", "_runtime", "__class__", "__dict__"])
def test_what_is_ours_is_out_of_reach(context: Context, key: str) -> None:
    with pytest.raises(KeyError):
        context[key]
    with pytest.raises(TenantSwitchRefused):
        context[key] = "mine"
    with pytest.raises(TenantSwitchRefused):
        del context[key]
    assert key not in context


@pytest.mark.parametrize("key", ["user_id", "claims", "admin_db"])
def test_what_the_token_says_is_not_overwritten(context: Context, key: str) -> None:
    with pytest.raises(TenantSwitchRefused, match="verified token"):
        context[key] = "mine"
    with pytest.raises(AttributeError):
        setattr(context, key, "mine")


def test_the_tenant_is_set_once(tenancy: Tenancy) -> None:
    context = make_context(tenancy, RequestScope())
    assert context["tenant_id"] is None
    context["tenant_id"] = A.upper()
    assert context["tenant_id"] == context.scope.tenant_id == A
    context["tenant_id"] = A
    for change in (
        lambda: context.__setitem__("tenant_id", B),
        lambda: setattr(context, "tenant_id", B),
        lambda: context.update(tenant_id=B),
        lambda: context.__delitem__("tenant_id"),
        lambda: context.pop("tenant_id"),
        context.clear,
    ):
        with pytest.raises(TenantSwitchRefused):
            change()
    assert context["tenant_id"] == A


@pytest.mark.parametrize(
    "value", [None, "", "acme", 7, [A], "0" * 8 + "-0000-0000-0000-" + "0" * 12]
)
def test_what_is_no_tenant_is_a_401(tenancy: Tenancy, value: object) -> None:
    context = make_context(tenancy, RequestScope())
    with pytest.raises(PermissionError, match="Missing tenant context"):
        context["tenant_id"] = value
    assert context["tenant_id"] is None


def test_the_administrators_connection_is_for_administrators(tenancy: Tenancy) -> None:
    def of(scope: str) -> Context:
        return make_context(tenancy, RequestScope(A, claims=claims(scope=scope)))

    tenancy.admin_db = connection = object()  # type: ignore[assignment]
    try:
        for scope in ("", "write:posts", "admin", "admin:tenantss"):
            assert "admin_db" not in of(scope)
            assert of(scope).get("admin_db") is None
            with pytest.raises(Forbidden):
                of(scope)["admin_db"]
            with pytest.raises(Forbidden):
                _ = of(scope).admin_db
        assert of("x admin:tenants")["admin_db"] is connection
        assert "admin_db" in set(of("admin:tenants"))
    finally:
        tenancy.admin_db = None
    with pytest.raises(Forbidden):  # no admin_url is configured
        of("admin:tenants")["admin_db"]


# --- The application's own context ------------------------------------------------------------------


class Own(BaseContext):
    kind = "own"

    def __init__(self, note: str) -> None:
        super().__init__()
        self.note = note

    def greet(self) -> str:
        return f"hello {self.note}"


class Claiming(Own):
    """It has a tenant of its own making, as classes written before fraiseql may have."""

    tenant_id = "made up"


def test_an_instance_of_the_applications_class_stays_one(tenancy: Tenancy) -> None:
    own = Own("you")
    context = make_context(tenancy, RequestScope(A), own)
    assert context is own
    assert isinstance(context, Own)
    assert isinstance(context, Context)
    assert type(context).__name__ == "Own"
    assert (context.kind, context.greet()) == ("own", "hello you")
    assert context["tenant_id"] == context.tenant_id == A
    assert context["note"] == "you"
    # Another instance of the class is untouched.
    assert not isinstance(Own("other"), Context)
    assert make_context(tenancy, RequestScope(B), Own("b"))["tenant_id"] == B


@pytest.mark.parametrize("make", [Claiming, lambda note: _with(Own(note), tenant_id="made up")])
def test_the_tenant_is_ours_whatever_the_class_says(tenancy: Tenancy, make: Any) -> None:
    context = make_context(tenancy, RequestScope(A), make("x"))
    assert context["tenant_id"] == context.tenant_id == A


def _with(context: Any, **attributes: object) -> Any:
    vars(context).update(attributes)
    return context


def test_an_instance_serves_one_request(tenancy: Tenancy) -> None:
    """Of two requests at once that share a context, one would run as the other's tenant."""
    shared, scope = Own("shared"), RequestScope(A)
    assert make_context(tenancy, scope, shared)["tenant_id"] == A
    assert make_context(tenancy, scope, shared)["tenant_id"] == A
    with pytest.raises(TenantSwitchRefused, match="two requests"):
        make_context(tenancy, RequestScope(B), shared)
    assert shared["tenant_id"] == A  # type: ignore[index]


@pytest.mark.parametrize("custom", [{"note": 1}, {}])
def test_a_dict_is_taken_over(tenancy: Tenancy, custom: dict[str, Any]) -> None:
    context = make_context(tenancy, RequestScope(A), custom)
    assert context.get("note") == custom.get("note")
    assert context["tenant_id"] == A


@pytest.mark.parametrize("key", ["tenant_id", "user_id", "claims", "admin_db", "_scope"])
def test_a_dict_cannot_bring_another_tenant(tenancy: Tenancy, key: str) -> None:
    with pytest.raises(TenantSwitchRefused):
        make_context(tenancy, RequestScope(A, source="claim"), {key: B})


@pytest.mark.parametrize("custom", [7, "text", ["list"], object()])
def test_anything_else_is_refused(tenancy: Tenancy, custom: object) -> None:
    with pytest.raises(TypeError, match="return a dict, None or an instance"):
        make_context(tenancy, RequestScope(A), custom)

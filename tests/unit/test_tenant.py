"""A tenant's id has one canonical form, and two tenants never share one."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraiseql_strawberry.tenant import IdType, Tenant, TenantStatus, canonical_tenant_id

ACME = "11111111-1111-4111-8111-111111111111"
HEX = "abcdef01-2345-4678-9abc-def012345678"

# Near misses: characters that uuid.UUID() takes or that look like hex digits to str.isdigit().
_near_uuid = st.text(
    alphabet="0123456789abcdefABCDEF-+_x{}\uff10\uff11\uff41\n ", min_size=30, max_size=40
)
_uuids = st.uuids().map(str).flatmap(lambda text: st.sampled_from([text, text.upper()]))
_slugs = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,60}", fullmatch=True)
_anything = st.one_of(_uuids, _near_uuid, _slugs, st.text(), st.integers(), st.none())


@pytest.mark.parametrize("value", [ACME, HEX, HEX.upper(), "Abcdef01-2345-4678-9ABC-def012345678"])
def test_a_hyphenated_uuid_in_any_case_becomes_lower_case(value: str) -> None:
    assert canonical_tenant_id(value) == value.lower()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "acme",
        HEX.replace("-", ""),
        "{" + HEX + "}",
        "urn:uuid:" + HEX,
        "+" + HEX[1:],
        "0x" + HEX[2:],
        HEX.replace("b", "_", 1),
        HEX.replace("0", "\uff10"),
        HEX + "\n",
        "\n" + HEX,
        " " + HEX,
        HEX + "\0",
        HEX + "," + ACME,
        "00000000-0000-0000-0000-000000000000",
    ],
)
def test_what_uuid_parsers_forgive_is_refused(value: str) -> None:
    assert canonical_tenant_id(value) is None


@pytest.mark.parametrize("value", [None, 1, True, 1.5, [ACME], {"id": ACME}, ACME.encode()])
def test_only_text_is_an_id(value: object) -> None:
    assert canonical_tenant_id(value, "uuid") is None
    assert canonical_tenant_id(value, "slug") is None


def test_a_uuid_object_is_not_an_id_until_it_is_text() -> None:
    assert canonical_tenant_id(uuid.UUID(ACME)) is None
    assert canonical_tenant_id(str(uuid.UUID(ACME))) == ACME


@pytest.mark.parametrize("value", ["a", "0", "acme", "acme-eu_1", "a" * 55, "a-", "a_"])
def test_a_slug_stands_as_it_is(value: str) -> None:
    assert canonical_tenant_id(value, "slug") == value


@pytest.mark.parametrize(
    "value", ["", "-a", "_a", "A", "acmE", "a" * 56, "a.b", "a b", "a\n", "é", "a/b", 'a"', "a,b"]
)
def test_what_could_escape_a_schema_name_is_no_slug(value: str) -> None:
    assert canonical_tenant_id(value, "slug") is None


@given(value=_anything, id_type=st.sampled_from(["uuid", "slug"]))
def test_canonicalisation_is_idempotent(value: object, id_type: IdType) -> None:
    once = canonical_tenant_id(value, id_type)
    assert once is None or canonical_tenant_id(once, id_type) == once


@given(one=_anything, other=_anything, id_type=st.sampled_from(["uuid", "slug"]))
def test_two_accepted_ids_share_a_form_only_if_they_differ_in_case(
    one: object, other: object, id_type: IdType
) -> None:
    first, second = canonical_tenant_id(one, id_type), canonical_tenant_id(other, id_type)
    if first is not None and first == second:
        assert isinstance(one, str)
        assert isinstance(other, str)
        assert one == other if id_type == "slug" else one.lower() == other.lower()


@given(_near_uuid)
def test_what_is_accepted_is_ascii_and_reads_back_as_the_same_uuid(value: str) -> None:
    canonical = canonical_tenant_id(value)
    if canonical is not None:
        assert value.isascii()
        assert str(uuid.UUID(value)) == canonical


@given(st.uuids().filter(lambda value: value.int != 0))
def test_every_uuid_but_nil_is_accepted(value: uuid.UUID) -> None:
    assert canonical_tenant_id(str(value).upper()) == str(value)


@pytest.mark.parametrize("status", list(TenantStatus))
def test_only_an_active_tenant_is_served(status: TenantStatus) -> None:
    tenant = Tenant(ACME, status=status)
    assert tenant.active is (status is TenantStatus.ACTIVE)
    assert tenant.suspended is not tenant.active


def test_a_tenant_is_compared_by_what_it_is_not_by_where_it_lives() -> None:
    assert Tenant(ACME, placement={"schema": "a"}) == Tenant(ACME, placement={"schema": "b"})
    assert Tenant(ACME) != Tenant(HEX)

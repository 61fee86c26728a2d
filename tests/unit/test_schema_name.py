from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraiseql_strawberry.errors import TenantUnavailable
from fraiseql_strawberry.isolation import SchemaNames
from fraiseql_strawberry.tenant import canonical_tenant_id

SLUGS = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,54}", fullmatch=True)


def test_a_uuid_is_its_hex_digits_and_a_slug_stands_as_it_is() -> None:
    assert (
        SchemaNames("tenant_{id}", uuids=True).of("11111111-1111-4111-8111-111111111111")
        == "tenant_11111111111141118111111111111111"
    )
    assert SchemaNames("t_{id}_x", uuids=False).of("abc-1_2") == "t_abc-1_2_x"


def test_a_name_that_postgresql_would_cut_is_refused() -> None:
    names = SchemaNames("tenant_of_the_blog_{id}", uuids=False)
    assert len(names.of("a" * 44)) == 63
    with pytest.raises(TenantUnavailable) as caught:
        names.of("a" * 45)
    assert "schema_template" in (caught.value.hint or "")


@given(one=SLUGS, other=SLUGS)
def test_two_tenants_never_share_a_schema(one: str, other: str) -> None:
    names = SchemaNames("tenant_{id}", uuids=False)
    assert (names.of(one) == names.of(other)) == (one == other)


@given(one=st.uuids(), other=st.uuids())
def test_nor_do_two_uuids(one: object, other: object) -> None:
    names = SchemaNames("tenant_{id}", uuids=True)
    first, second = canonical_tenant_id(str(one)), canonical_tenant_id(str(other))
    if first and second:
        assert (names.of(first) == names.of(second)) == (first == second)


def test_the_pattern_finds_tenants_and_takes_underscores_literally() -> None:
    assert SchemaNames("t_{id}_x", uuids=False).pattern == r"t\__%\_x"


def test_a_schema_leads_to_the_name_of_its_tenants_role() -> None:
    schemas, roles = SchemaNames("t_{id}_x", uuids=False), SchemaNames("r1{id}0", uuids=False)
    assert schemas.translation(roles) == ("^t_(.*)_x$", r"r1\10")

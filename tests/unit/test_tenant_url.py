from __future__ import annotations

import copy
import logging
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraiseql_strawberry.errors import PlacementRefused, ServiceUnavailable
from fraiseql_strawberry.isolation.tenant_password import PasswordRules
from fraiseql_strawberry.isolation.tenant_url import TenantUrl, TenantUrlRules, parse_tenant_url

# Long and unlike anything that a message holds by itself.
PASSWORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30
).map(lambda text: f"Zq{text}9Xw")
PLAIN = "postgresql://app:pw@db.example.com:5433/acme"


def password_of(url: TenantUrl) -> str:
    return url.password.read().reveal()


def test_all_parts_of_a_url() -> None:
    url = parse_tenant_url(
        "postgresql+asyncpg://ap%70:p%40%2F%3A@DB.example.com:5433/ac%20me"
        "?sslmode=verify-full&application_name=blog%20a&connect_timeout=7"
    )
    assert (url.host, url.port, url.user, url.database) == ("db.example.com", 5433, "app", "ac me")
    assert password_of(url) == "p@/:"
    assert (url.sslmode, url.application_name, url.connect_timeout) == ("verify-full", "blog a", 7)
    assert url.server == "db.example.com:5433"


def test_what_is_not_said() -> None:
    url = parse_tenant_url("postgres://app@db/acme")
    assert (url.port, password_of(url)) == (5432, "")
    assert (url.sslmode, url.application_name, url.connect_timeout) == (None, None, None)


def test_an_address_of_version_six() -> None:
    url = parse_tenant_url("postgresql://app:pw@[::1]:5433/acme")
    assert (url.host, url.server) == ("::1", "[::1]:5433")
    assert str(url) == "postgresql://app:***@[::1]:5433/acme"


@pytest.mark.parametrize(
    "query",
    [
        *("host=evil", "hostaddr=6.6.6.6", "port=1", "user=postgres", "dbname=other", "database=x"),
        *("service=x", "servicefile=/x", "passfile=/x", "password=Zq9Xw", "sslpassword=Zq9Xw"),
        *(
            "sslrootcert=/etc/passwd",
            "sslkey=/x",
            "options=-c%20role=x",
            "target_session_attrs=any",
        ),
        *("HOST=evil", "%68ost=evil", "host=%2Ftmp", "sslmode=disable&host=evil", "sslmode"),
        *("sslmode=disable&sslmode=require", "sslmode=%00", "sslmode=Zq9Xw", "Zq9Xw", "Zq9Xw=1"),
        *("sslmode=disable;host=evil", "sslmode=disable#", "connect_timeout=0", "sslmode=%zz"),
        *("connect_timeout=61", "connect_timeout=1e1", "connect_timeout=٣", "application_name=é"),
        *("statement_cache_size=1", "prepared_statement_cache_size=1", "server_settings=x", "&"),
    ],
)
def test_no_parameter_overrides_anything(query: str) -> None:
    with pytest.raises(PlacementRefused) as caught:
        parse_tenant_url(f"{PLAIN}?{query}")
    assert "Zq9Xw" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        *("", "acme", "postgresql:", "postgresql:///acme", "postgresql://db/acme", "//app@db/acme"),
        *("mysql://app:pw@db/acme", "postgresql+psycopg2://app:pw@db/acme", "file:///etc/passwd"),
        *("postgresql://app:pw@/acme", "postgresql://app:pw@%2Ftmp/acme", "postgresql://app:pw@db"),
        *("postgresql://app:pw@db/", "postgresql://app:pw@db/a/b", "postgresql://app:pw@db/acme#x"),
        *("postgresql://app:pw@db:0/acme", "postgresql://app:pw@db:65536/acme"),
        *("postgresql://app:pw@db:/acme", "postgresql://app:pw@db:5x/acme", "postgresql://:pw@db/a"),
        *("postgresql://app:pw@db,evil/acme", "postgresql://app:pw@db:1,evil:2/acme"),
        *("postgresql://app:pw@db@evil/acme", "postgresql://app:pw@db/acme@evil/x"),
        *("postgresql://app:a@b/c@db", "postgresql://app:p?q@db/acme", "postgresql://app:p#q@db/a"),
        *("postgresql://app:p w@db/acme", "postgresql://app:pw@db/acme\n", "postgresql://app:\x00@db/a"),
        *("postgresql://app:%00@db/acme", "postgresql://app:pw@db/%00", "postgresql://%00:pw@db/a"),
        *("postgresql://app:100%@db/acme", "postgresql://app:%ff@db/acme", "postgresql://app:pw@é/a"),
        *("postgresql://app:pw@[fe80::1%25eth0]/a", "postgresql://app:pw@-x/a", "postgresql://app%3Apw@db/a"),
        *("postgresql://app:pw@db/" + "é" * 32, "postgresql://app:" + "p" * 5000 + "@db/acme"),
        *("postgresql://app:${file:relative}@db/a", "postgresql://app:${A-B}@db/a", "postgresql://app:${@db/a"),
        *("postgresql://app:pw@٣/a", "postgresql://app:pw@db:٣/a", "postgresql://a[b:pw@db/a"),
    ],
)  # fmt: skip
def test_what_is_not_one_role_at_one_host_is_refused(url: str) -> None:
    with pytest.raises(PlacementRefused, match="database_url") as caught:
        parse_tenant_url(url)
    assert isinstance(caught.value, ServiceUnavailable)
    assert "database_url" not in caught.value.message  # what a client reads says nothing of it


ALLOWED = TenantUrlRules(
    allowed_hosts=("*.db.example.com", "10.0.0.7:5433", "exact.example.com", "[2001:db8::1]")
)


@pytest.mark.parametrize(
    ("place", "allowed"),
    [
        ("a.db.example.com", True),
        ("A.DB.Example.Com:1", True),
        ("10.0.0.7:5433", True),
        ("exact.example.com:9", True),
        ("[2001:db8::1]:5432", True),
        ("10.0.0.7", False),
        ("10.0.0.7:54330", False),
        ("db.example.com", False),
        ("a.db.example.com.evil.org", False),
        ("evil.org", False),
        ("exact.example.com.", False),
        ("[2001:db8::2]", False),
        ("xexact.example.com", False),
    ],
)
def test_hosts_may_be_limited(place: str, allowed: bool) -> None:
    url = f"postgresql://app:pw@{place}/acme"
    if allowed:
        assert parse_tenant_url(url, ALLOWED).database == "acme"
    else:
        with pytest.raises(PlacementRefused, match="allowed_hosts"):
            parse_tenant_url(url, ALLOWED)


def test_a_password_may_stand_in_the_environment() -> None:
    rules = TenantUrlRules(passwords=PasswordRules(env={"ACME_PASSWORD": "p@:/%41"}))
    url = parse_tenant_url("postgresql://app:${ACME_PASSWORD}@db/acme", rules)
    assert password_of(url) == "p@:/%41"  # as it is: nothing in it is decoded
    assert str(url) == "postgresql://app:***@db:5432/acme"


@given(PASSWORDS, st.booleans())
def test_a_password_never_shows(password: str, in_environment: bool) -> None:
    rules = TenantUrlRules(passwords=PasswordRules(env={"DB_PASSWORD": password}))
    written = "${DB_PASSWORD}" if in_environment else quote(password, safe="")
    url = parse_tenant_url(f"postgresql://app:{written}@db/acme", rules)
    assert password_of(url) == password
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s %r", (url, url.password), None)
    shown = " ".join(
        [
            *(str(url), repr(url), f"{url}", "%s" % url, repr([url]), repr(url.password)),  # noqa: UP031
            *(str(url.password), repr(copy.deepcopy(url)), record.getMessage(), repr(rules)),
        ]
    )
    assert password not in shown
    assert quote(password, safe="") not in shown


@given(PASSWORDS, st.sampled_from(["raw", "quoted"]), st.data())
def test_a_refusal_quotes_nothing(password: str, how: str, data: st.DataObject) -> None:
    written = password if how == "raw" else quote(password, safe="")
    place = data.draw(
        st.sampled_from(
            [
                "postgresql://app:{0}@db/acme?password={0}",
                "postgresql://app:x@db/acme?sslmode={0}",
                "postgresql://app:x@db/acme?application_name={0}{0}{0}{0}{0}",
                "postgresql://app:x@db/acme?{0}=1",
                "postgresql://app:%ff{0}@db/acme",
                "postgresql://app:%00{0}@db/acme",
                "postgresql://app:{0}%@db/acme",
                "postgresql://app:{0}@/acme",
                "postgresql://app:{0}@db:99999/acme",
                "postgresql://app:{0}@db,db2/acme",
                "mysql://app:{0}@db/acme",
                "postgresql://app%3A{0}@db/acme",
                "postgresql://app:pw@db/{0}:x",
                "postgresql://app:a@{0}/b/c",
                "{0}",
                "postgresql://app:${{{0}}}@db/acme",
                "postgresql://app:${{file:{0}}}@db/acme",
            ]
        )
    )
    text = place.format(written)
    try:
        url = parse_tenant_url(text)
    except PlacementRefused as error:
        causes = []
        cause: BaseException | None = error
        while cause is not None:
            causes.append(f"{cause!s} {cause!r} {cause.args!r}")
            cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        shown = " ".join(causes) + repr(error.body())
    else:
        shown = f"{url} {url!r}"
    assert password not in shown
    assert quote(password, safe="") not in shown


@given(st.text(max_size=60))
def test_anything_else_is_refused_or_is_what_it_says(tail: str) -> None:
    try:
        url = parse_tenant_url(f"postgresql://app:pw@db.example.com/acme{tail}")
    except PlacementRefused:
        return
    assert (url.host, url.user, password_of(url)) == ("db.example.com", "app", "pw")
    assert url.database.startswith("acme")

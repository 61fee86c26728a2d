"""Start-up refuses what cannot keep tenants apart, and says which SQL mends it: run it, and it starts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from urllib.parse import quote, urlsplit
from uuid import uuid4

import asyncpg
import pytest

from example_app.data import ACME
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.errors import ConfigError, ServiceUnavailable, SetupError, UnsafeDatabase

MakeTenancy = Callable[..., Tenancy]

# What makes a role unsafe. {role} is the application's, {other} another one without privileges.
UNSAFE = {
    "superuser": "ALTER ROLE {role} SUPERUSER",
    "BYPASSRLS": "ALTER ROLE {role} BYPASSRLS",
    "superuser and BYPASSRLS": "ALTER ROLE {role} SUPERUSER BYPASSRLS",
    "member of a superuser": "ALTER ROLE {other} SUPERUSER; GRANT {other} TO {role}",
    "member of a BYPASSRLS role": "GRANT app_migrator TO {role}",
    "member that must SET ROLE": "ALTER ROLE {role} NOINHERIT; GRANT app_migrator TO {role}",
    "member of a member": "GRANT app_migrator TO {other}; GRANT {other} TO {role}",
    "two memberships": "ALTER ROLE {other} SUPERUSER; GRANT {other}, app_migrator TO {role}",
    "owner of a tenant's table": """
        CREATE TABLE app.tb_note (tenant_id uuid); ALTER TABLE app.tb_note OWNER TO {role}""",
    "owner of a table with RLS, not FORCEd": """
        CREATE TABLE app."tb ""note" (tenant uuid);
        ALTER TABLE app."tb ""note" ENABLE ROW LEVEL SECURITY;
        ALTER TABLE app."tb ""note" OWNER TO {role}""",
    "owner of two tables": """
        CREATE TABLE app.tb_a (tenant_id uuid); ALTER TABLE app.tb_a OWNER TO {role};
        CREATE TABLE app.tb_b (tenant_id uuid) PARTITION BY LIST (tenant_id);
        ALTER TABLE app.tb_b OWNER TO {role}""",
    "member of the owner": """
        CREATE TABLE app.tb_note (tenant_id uuid); ALTER TABLE app.tb_note OWNER TO {other};
        GRANT {other} TO {role}""",
}
SAFE = {
    "plain": "SELECT",
    "owner of a FORCEd table": """
        CREATE TABLE app.tb_note (tenant_id uuid);
        ALTER TABLE app.tb_note ENABLE ROW LEVEL SECURITY;
        ALTER TABLE app.tb_note FORCE ROW LEVEL SECURITY;
        ALTER TABLE app.tb_note OWNER TO {role}""",
    "owner of a table without tenants": """
        CREATE TABLE app.tb_note (id uuid); ALTER TABLE app.tb_note OWNER TO {role}""",
    "member of a harmless role": "GRANT {other} TO {role}",
}


class Roles:
    """Two roles of this test's own on its own blog, and a superuser who changes them."""

    def __init__(self, urls: Urls, superuser: asyncpg.Connection) -> None:
        self.superuser = superuser
        self.role, self.other = (f'"role "" {uuid4().hex}"' for _ in range(2))
        self.urls = replace(urls, app_url=_renamed(urls.app_url, self.role))

    async def make(self) -> None:
        for role in (self.role, self.other):
            await self.superuser.execute(
                f"CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT app TO {role}"
            )

    async def run(self, sql: str) -> None:
        await self.superuser.execute(sql.format(role=self.role, other=self.other))

    async def drop(self) -> None:
        for role in (self.role, self.other):
            await self.superuser.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def _renamed(url: str, role: str) -> str:
    parts = urlsplit(url)
    name = quote(role[1:-1].replace('""', '"'), safe="")
    return parts._replace(netloc=f"{name}:x@{parts.hostname}:{parts.port}").geturl()


@pytest.fixture
async def roles(fresh_blog: Urls) -> AsyncIterator[Roles]:
    superuser = await asyncpg.connect(fresh_blog.admin_url)
    roles = Roles(fresh_blog, superuser)
    await roles.make()
    yield roles
    await roles.drop()
    await superuser.close()


@pytest.mark.parametrize("sql", UNSAFE.values(), ids=UNSAFE)
async def test_an_unsafe_role_is_refused_until_it_is_mended(
    roles: Roles, make_tenancy: MakeTenancy, sql: str
) -> None:
    await roles.run(sql)
    fixes: list[str] = []
    while len(fixes) < 3:  # one finding at a time: the worst comes first
        tenancy = make_tenancy(roles.urls)
        try:
            await tenancy.start()
        except UnsafeDatabase as refused:
            assert refused.fix in str(refused)
            assert refused.fix not in fixes
            fixes.append(refused.fix)
            with pytest.raises(SetupError, match="has not been started"):
                _ = tenancy.isolation
            await roles.superuser.execute(refused.fix)
        else:
            await tenancy.stop()
            break
    assert 1 <= len(fixes) <= 2


async def test_a_privileged_role_is_refused_where_the_checks_of_the_start_are_off(
    roles: Roles, make_tenancy: MakeTenancy
) -> None:
    await roles.run(UNSAFE["member of a BYPASSRLS role"])
    with pytest.raises(UnsafeDatabase, match="can become a role"):
        await make_tenancy(roles.urls, multitenancy={"startup_check": "off"}).start()


@pytest.mark.parametrize("sql", SAFE.values(), ids=SAFE)
async def test_a_safe_role_is_accepted(roles: Roles, make_tenancy: MakeTenancy, sql: str) -> None:
    await roles.run(sql)
    async with make_tenancy(roles.urls) as tenancy:
        await tenancy.ready()


async def test_the_superuser_of_the_cluster_is_refused(
    blog: Urls, make_tenancy: MakeTenancy
) -> None:
    with pytest.raises(UnsafeDatabase, match="is a superuser"):
        await make_tenancy(replace(blog, app_url=blog.admin_url)).start()


async def test_a_role_that_becomes_unsafe_is_no_longer_ready(
    roles: Roles, make_tenancy: MakeTenancy
) -> None:
    async with make_tenancy(roles.urls) as tenancy:
        await tenancy.ready()
        await roles.run("ALTER ROLE {role} BYPASSRLS")
        with pytest.raises(UnsafeDatabase, match="BYPASSRLS"):
            await tenancy.ready()


async def test_starting_twice_is_harmless(blog: Urls, make_tenancy: MakeTenancy) -> None:
    tenancy = make_tenancy(blog)
    await asyncio.gather(tenancy.start(), tenancy.start())
    await tenancy.start()
    await tenancy.ready()
    await tenancy.stop()
    await tenancy.stop()
    with pytest.raises(SetupError, match="has not been started"):
        await tenancy.ready()


@pytest.mark.parametrize("change", ["password", "database", "port"])
async def test_a_database_that_does_not_answer(
    blog: Urls, make_tenancy: MakeTenancy, change: str
) -> None:
    parts = urlsplit(blog.app_url)
    wrong = {
        "password": parts._replace(netloc=f"app:s3cr3t@{parts.hostname}:{parts.port}"),
        "database": parts._replace(path="/no_such_database"),
        "port": parts._replace(netloc=f"app:s3cr3t@{parts.hostname}:1"),
    }[change]
    with pytest.raises(ServiceUnavailable) as refused:
        await make_tenancy(replace(blog, app_url=wrong.geturl())).start()
    for secret in ("s3cr3t", str(parts.password)):
        assert secret not in str(refused.value)
    assert refused.value.body()["errors"][0]["message"] == "Service temporarily unavailable"


async def test_a_tenants_table_that_cannot_be_read(blog: Urls, make_tenancy: MakeTenancy) -> None:
    tenancy = make_tenancy(blog, multitenancy={"tenants_table": "fraiseql.no_such_table"})
    with pytest.raises(ConfigError, match="GRANT SELECT"):
        await tenancy.start()


# --- Without authentication -------------------------------------------------------------------------


@pytest.fixture
def without_auth(blog: Urls, make_tenancy: MakeTenancy) -> MakeTenancy:
    def make(production: bool = False, **multitenancy: object) -> Tenancy:
        env = {"JWT_SECRET": None, "FRAISEQL_ENV": "production" if production else None}
        return make_tenancy(blog, env=env, multitenancy=multitenancy)

    return make


async def test_production_without_authentication_is_refused(without_auth: MakeTenancy) -> None:
    with pytest.raises(SetupError, match=r"JWT_SECRET.*trust_header = true"):
        await without_auth(production=True).start()


async def test_a_gateway_may_be_trusted(
    without_auth: MakeTenancy, caplog: pytest.LogCaptureFixture
) -> None:
    async with without_auth(production=True, trust_header=True) as tenancy:
        assert tenancy.rules.header_alone
    assert "NO AUTHENTICATION" not in caplog.text


async def test_header_only_is_announced_loudly(
    without_auth: MakeTenancy, caplog: pytest.LogCaptureFixture
) -> None:
    async with without_auth():
        pass
    [warning] = [r for r in caplog.records if "NO AUTHENTICATION" in r.getMessage()]
    assert warning.levelno >= logging.WARNING
    assert "X-Tenant-ID" in warning.getMessage()


async def test_with_authentication_nothing_is_announced(
    tenancy: Tenancy, caplog: pytest.LogCaptureFixture
) -> None:
    async with tenancy.as_tenant(str(ACME)):
        assert "NO AUTHENTICATION" not in caplog.text

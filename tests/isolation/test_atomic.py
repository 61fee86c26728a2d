"""One transaction per root mutation field, or, with `atomic=True`, one for the whole operation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import strawberry
from sqlalchemy import text

import fraiseql_strawberry as fraiseql
from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry import SyncTenantSession, Tenancy, TenantSession
from fraiseql_strawberry.errors import BadUserInput
from fraiseql_strawberry.scope import current_scope
from tests.witness import Witness

pytestmark = pytest.mark.strategies()

MakeTenancy = Callable[..., Tenancy]

ADD = text("INSERT INTO tb_user (name, email) VALUES (:name, :name) RETURNING id")
COUNT = text("SELECT count(*) FROM v_user WHERE name = :name")
ORPHAN = text("INSERT INTO tb_post (user_id, title, content) VALUES (:nobody, 'x', 'x')")


@fraiseql.type(sql_source="v_user")
class User:
    id: UUID
    name: str
    posts: list[Post] = fraiseql.relation(remote="user_id", order_by="title")

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError("a child failed")


@fraiseql.type(sql_source="v_post")
class Post:
    id: UUID
    title: str


@fraiseql.query(sql_source="v_user", order_by="name")
def users(limit: int = 20) -> list[User]: ...


async def add(session: TenantSession, name: str) -> User:
    return await fraiseql.load(User, session, id=await session.scalar(ADD, {"name": name}))


def add_sync(session: SyncTenantSession, name: str) -> str:
    session.execute(ADD, {"name": name})
    return name


async def count(session: TenantSession, name: str) -> int:
    return await session.scalar(COUNT, {"name": name}) or 0


async def add_orphan(session: TenantSession) -> str | None:
    await session.execute(ORPHAN, {"nobody": uuid4()})
    return "written, but not yet checked"


async def write_and_read_on(info, session: TenantSession, name: str) -> User:
    """Posts of its own; the relation below it is read after the body."""
    user_id = await session.scalar(ADD, {"name": name})
    post = text("INSERT INTO tb_post (user_id, title, content) VALUES (:user_id, 'first', 'x')")
    await session.execute(post, {"user_id": user_id})
    return User(id=user_id, name=name)


async def nest(session: TenantSession) -> str | None:
    await session.execute(text("SELECT 1"))
    async with current_scope().runtime.session() as inner:  # type: ignore[attr-defined]
        await inner.execute(text("SELECT 1"))
    return "nested"


async def nap(session: TenantSession, name: str) -> str | None:
    await session.execute(ADD, {"name": name})
    await session.execute(text("SELECT pg_sleep(5)"))
    return name


async def slow(session: TenantSession) -> str | None:
    await session.execute(text("SELECT pg_sleep(0.2)"))
    return "slow"


def fail() -> str | None:
    raise RuntimeError("a sibling failed")


def refuse() -> str | None:
    raise BadUserInput("no thank you")


BODIES = [add, add_sync, count, add_orphan, write_and_read_on, nest, nap, slow, fail, refuse]
SCHEMAS = {
    atomic: fraiseql.build_schema([users, *map(fraiseql.mutation(atomic=atomic), BODIES)])
    for atomic in (True, False)
}


class Blog:
    """Executes operations as acme, and looks at the result over a connection of its own."""

    def __init__(self, tenancy: Tenancy, witness: Witness) -> None:
        self.tenancy = tenancy
        self._witness = witness

    async def execute(self, query: str, *, atomic: bool = True) -> Any:
        async with self.tenancy.as_tenant(str(ACME)), asyncio.timeout(8):
            return await SCHEMAS[atomic].execute(query)

    async def schema(self, atomic: bool) -> Any:
        """The schema, once it has been served."""
        assert (await self.execute("{ users { name } }", atomic=atomic)).errors is None
        return SCHEMAS[atomic]

    async def stored(self) -> list[str]:
        """The names that were added, of any tenant."""
        added: list[str] = []
        for tenant in (ACME, GLOBEX):
            known = {user.name for user in blog_of(tenant).users}
            rows = await self._witness.fetch(tenant, "SELECT name FROM tb_user")
            added += {row["name"] for row in rows} - known
        return sorted(added)


@pytest.fixture
async def blogging(
    fresh_blog: Urls, make_tenancy: MakeTenancy, fresh_witness: Witness
) -> AsyncIterator[Blog]:
    async with make_tenancy(fresh_blog) as tenancy:
        yield Blog(tenancy, fresh_witness)


@pytest.fixture
async def deferred(fresh_witness: Witness) -> None:
    """Foreign keys are checked at COMMIT, as an application may want."""
    await fresh_witness.defer_checks()


TWO = 'mutation { a: add(name: "a") { name } b: addSync(name: "b") }'


@pytest.mark.parametrize("atomic", [True, False])
async def test_success_commits(blogging: Blog, atomic: bool) -> None:
    result = await blogging.execute(TWO, atomic=atomic)
    assert result.errors is None
    assert result.data == {"a": {"name": "a"}, "b": "b"}
    assert await blogging.stored() == ["a", "b"]


FAILURES = {
    "a sibling": 'mutation { add(name: "a") { name } fail addSync(name: "b") }',
    "an earlier sibling": 'mutation { fail add(name: "a") { name } addSync(name: "b") }',
    "a child": 'mutation { add(name: "a") { name broken } addSync(name: "b") }',
    "a refusal": 'mutation { add(name: "a") { name } addSync(name: "b") refuse }',
}


@pytest.mark.parametrize("query", FAILURES.values(), ids=FAILURES)
async def test_an_error_undoes_all_of_an_atomic_operation(blogging: Blog, query: str) -> None:
    result = await blogging.execute(query)
    assert result.data is None
    assert result.errors
    assert await blogging.stored() == []


@pytest.mark.parametrize("query", FAILURES.values(), ids=FAILURES)
async def test_an_error_undoes_nothing_else_otherwise(blogging: Blog, query: str) -> None:
    result = await blogging.execute(query, atomic=False)
    assert result.data["add"]["name"] == "a"
    assert result.errors
    assert await blogging.stored() == ["a", "b"]


async def test_a_failing_body_rolls_its_own_transaction_back(blogging: Blog) -> None:
    query = 'mutation { a: addSync(name: "a") again: addSync(name: "a") b: addSync(name: "b") }'
    result = await blogging.execute(query, atomic=False)  # the second is not unique
    assert result.data is None  # String! has no value
    assert await blogging.stored() == ["a"]


@pytest.mark.usefixtures("deferred")
async def test_a_failing_commit_is_reported(blogging: Blog) -> None:
    result = await blogging.execute('mutation { add(name: "a") { name } addOrphan }')
    assert result.data is None
    [error] = result.errors
    assert error.extensions["code"] == "INTERNAL_SERVER_ERROR"
    assert "foreign key" not in str(error)
    assert await blogging.stored() == []


@pytest.mark.usefixtures("deferred")
async def test_a_failing_commit_is_the_fields_error_otherwise(blogging: Blog) -> None:
    query = 'mutation { add(name: "a") { name } addOrphan }'
    result = await blogging.execute(query, atomic=False)
    assert result.data == {"add": {"name": "a"}, "addOrphan": None}
    [error] = result.errors
    assert error.path == ["addOrphan"]
    assert error.extensions["code"] == "INTERNAL_SERVER_ERROR"
    assert await blogging.stored() == ["a"]


@pytest.mark.parametrize("atomic", [True, False])
async def test_reads_see_what_was_written(blogging: Blog, atomic: bool) -> None:
    result = await blogging.execute(
        """mutation {
            a: writeAndReadOn(name: "a") { name posts { title } }
            b: addSync(name: "b")
            count(name: "b")
        }""",
        atomic=atomic,
    )
    assert result.errors is None
    assert result.data == {"a": {"name": "a", "posts": [{"title": "first"}]}, "b": "b", "count": 1}


@pytest.mark.parametrize("atomic", [True, False])
async def test_a_nested_session_is_refused(blogging: Blog, atomic: bool) -> None:
    result = await blogging.execute("mutation { nest }", atomic=atomic)
    [error] = result.errors
    assert error.extensions["code"] == "INTERNAL_SERVER_ERROR"


@pytest.mark.parametrize("atomic", [True, False])
async def test_cancelling_undoes(blogging: Blog, atomic: bool) -> None:
    task = asyncio.create_task(blogging.execute('mutation { nap(name: "a") }', atomic=atomic))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await blogging.stored() == []
    assert (await blogging.execute(TWO)).errors is None


async def test_the_other_tenant_sees_nothing_of_it(blogging: Blog) -> None:
    await blogging.execute(TWO)
    async with blogging.tenancy.as_tenant(str(GLOBEX)):
        result = await SCHEMAS[True].execute("{ users { name } }")
    assert {user["name"] for user in result.data["users"]} == {
        user.name for user in blog_of(GLOBEX).users
    }


# --- Several operations of one job ------------------------------------------------------------------


async def test_an_operation_that_fails_undoes_no_other(blogging: Blog) -> None:
    atomic, plain = await blogging.schema(True), await blogging.schema(False)
    async with blogging.tenancy.as_tenant(str(ACME)), asyncio.timeout(8):
        failed, done = await asyncio.gather(
            atomic.execute('mutation { count(name: "x") slow add(name: "a") { name } fail }'),
            plain.execute('mutation { add(name: "b") { name } }'),
        )
    assert failed.data is None
    assert done.errors is None
    assert await blogging.stored() == ["b"]


@pytest.mark.parametrize("atomic", [True, False])
async def test_each_operation_reads_with_its_own_variables(blogging: Blog, atomic: bool) -> None:
    query = """mutation($name: String!, $skip: Int!) {
        writeAndReadOn(name: $name) { posts(offset: $skip) { title } }
    }"""
    found = []
    schema = await blogging.schema(atomic)
    async with blogging.tenancy.as_tenant(str(ACME)):
        for skip in (0, 1, 0):
            result = await schema.execute(query, {"name": f"n{len(found)}", "skip": skip})
            assert result.errors is None
            found.append(len(result.data["writeAndReadOn"]["posts"]))
    assert found == [1, 0, 1]

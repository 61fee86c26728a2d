"""The example's SQL keeps two tenants apart by itself: plain asyncpg, as the role the service uses.

Nothing of the library takes part: what holds here holds for any client that sets `app.tenant_id`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import pytest
from asyncpg import exceptions as pg

from example_app.data import ACME, GLOBEX, CommentRow, PostRow, UserRow, blog_of

TABLES = ("tb_user", "tb_post", "tb_comment")
SOURCES = (*TABLES, "v_user", "v_post", "v_comment")
TENANTS = (ACME, GLOBEX)

Connection = asyncpg.Connection


@asynccontextmanager
async def tenant(connection: Connection, tenant_id: UUID | str) -> AsyncIterator[None]:
    """Be a tenant for one transaction, which is rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await be(connection, tenant_id)
        yield
    finally:
        await transaction.rollback()


async def be(connection: Connection, tenant_id: UUID | str) -> None:
    await connection.execute("SELECT set_config('app.tenant_id', $1, true)", str(tenant_id))


async def insert(
    connection: Connection, table: str, row: UserRow | PostRow | CommentRow, tenant_id: UUID | None
) -> None:
    """Insert a row; without a tenant the column is left to its default."""
    record = row._asdict() | ({} if tenant_id is None else {"tenant_id": tenant_id})
    places = ", ".join(f"${number}" for number in range(1, len(record) + 1))
    await connection.execute(
        f"INSERT INTO {table} ({', '.join(record)}) VALUES ({places})", *record.values()
    )


def new_row(table: str, tenant_id: UUID) -> UserRow | PostRow | CommentRow:
    """A row that would be valid for this tenant."""
    blog, now = blog_of(tenant_id), datetime.now(UTC)
    author, post = blog.users[0].id, blog.posts[0].id
    return {
        "tb_user": UserRow(uuid4(), "New", f"{uuid4()}@example.org"),
        "tb_post": PostRow(uuid4(), author, "New", "New", published=True, created_at=now),
        "tb_comment": CommentRow(uuid4(), post, author, "New", now),
    }[table]


# Reading: the tenant's own rows, all of them, and nothing else.


@pytest.mark.parametrize("source", SOURCES)
async def test_without_a_tenant_there_are_no_rows_and_no_error(
    app_role: Connection, source: str
) -> None:
    assert await app_role.fetch(f"SELECT * FROM {source}") == []


@pytest.mark.parametrize("source", SOURCES)
async def test_a_reused_connection_has_an_empty_setting_and_no_rows(
    app_role: Connection, source: str
) -> None:
    async with app_role.transaction():
        await be(app_role, ACME)
        assert await app_role.fetchval(f"SELECT count(*) FROM {source}")

    assert await app_role.fetchval("SELECT current_setting('app.tenant_id')") == ""
    assert await app_role.fetch(f"SELECT * FROM {source}") == []


@pytest.mark.parametrize("tenant_id", TENANTS)
@pytest.mark.parametrize("source", SOURCES)
async def test_a_tenant_sees_exactly_its_own_rows(
    app_role: Connection, source: str, tenant_id: UUID
) -> None:
    expected = blog_of(tenant_id).tables[source.replace("v_", "tb_")]
    columns = ", ".join(expected[0]._fields)

    async with tenant(app_role, tenant_id):
        rows = await app_role.fetch(f"SELECT {columns}, tenant_id FROM {source}")

    assert {tuple(row) for row in rows} == {(*row, tenant_id) for row in expected}
    assert len(rows) == len(expected)


@pytest.mark.parametrize("source", SOURCES)
async def test_a_random_tenant_sees_nothing(app_role: Connection, source: str) -> None:
    async with tenant(app_role, uuid4()):
        assert await app_role.fetch(f"SELECT * FROM {source}") == []


@pytest.mark.parametrize("setting", ["acme", "1' OR '1'='1", str(ACME)[:-1], f"{ACME},{GLOBEX}"])
async def test_a_setting_that_is_no_uuid_is_an_error(app_role: Connection, setting: str) -> None:
    with pytest.raises(pg.InvalidTextRepresentationError):
        async with tenant(app_role, setting):
            await app_role.fetch("SELECT * FROM v_post")


async def test_the_tenant_ends_with_the_transaction(app_role: Connection) -> None:
    async with app_role.transaction():
        await be(app_role, ACME)
    async with tenant(app_role, GLOBEX):
        owners = await app_role.fetch("SELECT DISTINCT tenant_id FROM v_comment")
    assert [row["tenant_id"] for row in owners] == [GLOBEX]


# Writing: nothing is planted in, moved to, changed in or deleted from another tenant.


@pytest.mark.parametrize("table", TABLES)
async def test_an_insert_without_a_tenant_is_refused(app_role: Connection, table: str) -> None:
    with pytest.raises(pg.InsufficientPrivilegeError, match="row-level security"):
        await insert(app_role, table, new_row(table, ACME), None)
    with pytest.raises(pg.InsufficientPrivilegeError, match="row-level security"):
        await insert(app_role, table, new_row(table, ACME), ACME)


@pytest.mark.parametrize("table", TABLES)
async def test_an_insert_takes_the_tenant_of_the_transaction(
    app_role: Connection, table: str
) -> None:
    row = new_row(table, ACME)
    async with tenant(app_role, ACME):
        await insert(app_role, table, row, None)
        found = await app_role.fetchval(f"SELECT tenant_id FROM {table} WHERE id = $1", row.id)
    assert found == ACME


@pytest.mark.parametrize("table", TABLES)
async def test_an_insert_for_another_tenant_is_refused(app_role: Connection, table: str) -> None:
    with pytest.raises(pg.InsufficientPrivilegeError, match="row-level security"):
        async with tenant(app_role, ACME):
            await insert(app_role, table, new_row(table, GLOBEX), GLOBEX)


@pytest.mark.parametrize("table", TABLES)
async def test_a_row_cannot_be_moved_to_another_tenant(app_role: Connection, table: str) -> None:
    with pytest.raises(pg.InsufficientPrivilegeError, match="row-level security"):
        async with tenant(app_role, ACME):
            await app_role.execute(f"UPDATE {table} SET tenant_id = $1", GLOBEX)


@pytest.mark.parametrize("table", TABLES)
async def test_another_tenants_rows_cannot_be_reached_by_their_ids(
    app_role: Connection, table: str
) -> None:
    theirs = [row.id for row in blog_of(GLOBEX).tables[table]]
    async with tenant(app_role, ACME):
        by_id = "WHERE id = ANY($1)"
        assert await app_role.execute(f"UPDATE {table} SET id = id {by_id}", theirs) == "UPDATE 0"
        assert await app_role.execute(f"DELETE FROM {table} {by_id}", theirs) == "DELETE 0"
        assert await app_role.fetch(f"SELECT FROM {table} {by_id} FOR UPDATE", theirs) == []


async def test_writes_without_a_condition_stay_within_the_tenant(app_role: Connection) -> None:
    mine, theirs = blog_of(ACME), blog_of(GLOBEX)
    async with tenant(app_role, ACME):
        updated = await app_role.execute("UPDATE tb_post SET title = 'x'")
        assert updated == f"UPDATE {len(mine.posts)}"
        deleted = await app_role.execute("DELETE FROM tb_comment")
        assert deleted == f"DELETE {len(mine.comments)}"

        await be(app_role, GLOBEX)
        titles = {row["title"] for row in await app_role.fetch("SELECT title FROM v_post")}
        assert titles == {post.title for post in theirs.posts}
        comments = await app_role.fetchval("SELECT count(*) FROM v_comment")
        assert comments == len(theirs.comments)


async def test_an_upsert_cannot_take_over_another_tenants_row(app_role: Connection) -> None:
    theirs = blog_of(GLOBEX).users[0]
    async with tenant(app_role, ACME):
        # The same id is free in acme: a row of its own, and the other one stays as it was.
        await app_role.execute(
            "INSERT INTO tb_user (id, name, email) VALUES ($1, 'Mallory', $2)"
            " ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name",
            *(theirs.id, theirs.email),
        )
        await be(app_role, GLOBEX)
        name = await app_role.fetchval("SELECT name FROM v_user WHERE id = $1", theirs.id)
        assert name == theirs.name


# Keys: every reference and every uniqueness is within one tenant.


@pytest.mark.parametrize(
    ("table", "column"),
    [("tb_post", "user_id"), ("tb_comment", "user_id"), ("tb_comment", "post_id")],
)
async def test_a_reference_to_another_tenants_row_is_refused(
    app_role: Connection, table: str, column: str
) -> None:
    theirs = getattr(new_row("tb_comment", GLOBEX), column)
    with pytest.raises(pg.ForeignKeyViolationError):
        async with tenant(app_role, ACME):
            await insert(app_role, table, new_row(table, ACME)._replace(**{column: theirs}), None)
    with pytest.raises(pg.ForeignKeyViolationError):
        async with tenant(app_role, ACME):
            await app_role.execute(f"UPDATE {table} SET {column} = $1", theirs)


async def test_a_delete_does_not_cascade_into_another_tenant(app_role: Connection) -> None:
    # The same post id in both tenants, each with a comment.
    post, comment = uuid4(), uuid4()
    async with tenant(app_role, ACME):
        for tenant_id in TENANTS:
            await be(app_role, tenant_id)
            row = new_row("tb_post", tenant_id)._replace(id=post)
            await insert(app_role, "tb_post", row, None)
            below = new_row("tb_comment", tenant_id)._replace(id=comment, post_id=post)
            await insert(app_role, "tb_comment", below, None)

        await be(app_role, ACME)
        assert await app_role.execute("DELETE FROM tb_post WHERE id = $1", post) == "DELETE 1"
        assert await app_role.fetch("SELECT FROM tb_comment WHERE id = $1", comment) == []

        await be(app_role, GLOBEX)
        assert len(await app_role.fetch("SELECT FROM tb_post WHERE id = $1", post)) == 1
        assert len(await app_role.fetch("SELECT FROM tb_comment WHERE id = $1", comment)) == 1


async def test_an_email_is_unique_within_a_tenant_only(app_role: Connection) -> None:
    shared = {user.email for user in blog_of(ACME).users} & {u.email for u in blog_of(GLOBEX).users}
    assert shared == {"dana@whitfield.example"}

    mine, theirs = blog_of(ACME).users[0].email, blog_of(GLOBEX).users[0].email
    async with tenant(app_role, ACME):
        # Another tenant's address is free: whether somebody else has it cannot be found out.
        await insert(app_role, "tb_user", UserRow(uuid4(), "New", theirs), None)
    with pytest.raises(pg.UniqueViolationError):
        async with tenant(app_role, ACME):
            await insert(app_role, "tb_user", UserRow(uuid4(), "New", mine), None)


# The role: it can neither leave its place nor prepare a trap for others.


@pytest.mark.parametrize(
    "attempt",
    [
        *(f"TRUNCATE {table} CASCADE" for table in TABLES),
        "CREATE TEMP TABLE tb_post (id uuid)",
        "CREATE TABLE app.mine (id uuid)",
        "CREATE TABLE fraiseql.mine (id uuid)",
        "CREATE TABLE public.mine (id uuid)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "SET ROLE app_owner",
        "SET ROLE app_migrator",
        "SET ROLE postgres",
        "ALTER TABLE tb_post DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant_fence ON tb_post",
        "CREATE POLICY mine ON tb_post USING (true)",
        "ALTER ROLE app BYPASSRLS",
        "CREATE OR REPLACE VIEW v_post AS SELECT * FROM tb_post",
        "CREATE TRIGGER mine BEFORE UPDATE ON tb_post EXECUTE FUNCTION pg_catalog.now()",
        "LOCK TABLE tb_post IN ACCESS EXCLUSIVE MODE NOWAIT; TRUNCATE tb_post",
        "INSERT INTO v_post (title) VALUES ('through the view')",
        "COPY tb_post TO '/tmp/stolen'",
        "COPY tb_post FROM PROGRAM 'id'",
    ],
)
async def test_the_role_may_not(app_role: Connection, attempt: str) -> None:
    with pytest.raises(pg.InsufficientPrivilegeError):
        async with tenant(app_role, ACME):
            await app_role.execute(attempt)


async def test_switching_row_security_off_is_an_error_and_not_a_way_round(
    app_role: Connection,
) -> None:
    async with tenant(app_role, ACME):
        await app_role.execute("SET LOCAL row_security = off")
        with pytest.raises(pg.InsufficientPrivilegeError, match="row-level security"):
            await app_role.fetch("SELECT * FROM v_post")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("search_path", "app, fraiseql, pg_temp"),
        ("statement_timeout", "10s"),
        ("lock_timeout", "3s"),
        ("idle_in_transaction_session_timeout", "15s"),
        ("row_security", "on"),
        ("role", "none"),
    ],
)
async def test_settings_of_the_role_in_this_database(
    app_role: Connection, setting: str, value: str
) -> None:
    assert await app_role.fetchval("SELECT current_setting($1)", setting) == value


async def test_the_role_reads_four_columns_of_the_tenants_and_writes_none(
    app_role: Connection,
) -> None:
    rows = await app_role.fetch("SELECT id, name, plan, status FROM tenants ORDER BY id")
    assert [tuple(row) for row in rows] == [
        (ACME, "Acme Tools", "pro", "active"),
        (GLOBEX, "Globex Energy", "enterprise", "active"),
    ]
    for attempt in (
        "SELECT created_at FROM tenants",
        "INSERT INTO tenants (id, name, plan) VALUES (gen_random_uuid(), 'x', 'x')",
        "UPDATE tenants SET status = 'active'",
        "DELETE FROM tenants",
    ):
        with pytest.raises(pg.InsufficientPrivilegeError):
            await app_role.execute(attempt)

"""The command line against a real PostgreSQL.

Services, and what `init` makes, run in processes of their own, as users run them; the rest runs
in this one, because a process takes a second to begin.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from typer.testing import CliRunner

import fraiseql_strawberry as fraiseql
from example_app import schema as blog_schema
from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry import Tenancy
from fraiseql_strawberry.auth import mint_token
from fraiseql_strawberry.cli.application import app
from fraiseql_strawberry.cli.explain import Operation, as_tenant, choose, explain
from fraiseql_strawberry.cli.failures import CommandFailed
from fraiseql_strawberry.graphql.compiler import SchemaIndex
from fraiseql_strawberry.graphql.served import served_schema
from tests.isolation.wide.database import open_wide
from tests.isolation.wide.rows import CLEAN
from tests.isolation.wide.types import schema as wide_schema

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-for-tests-that-is-long-enough-for-anyone"
SECONDS = 60

MIXED = """
from uuid import UUID

import strawberry
import fraiseql_strawberry as fraiseql
from example_app.schema import Comment, Post, User, post, posts


class Nobody(strawberry.permission.BasePermission):
    def has_permission(self, source, info, **arguments):
        return False


@fraiseql.type(sql_source="v_post")
class Loud:
    id: UUID
    title: str
    user_id: fraiseql.Private[UUID]
    author: User = fraiseql.relation(local="user_id", remote="id")

    @strawberry.field
    def shout(self) -> str:
        return self.title.upper()


@fraiseql.query(sql_source="v_post", order_by="-created_at, id")
def loud(limit: int = 2, published: bool | None = None) -> list[Loud]: ...


@fraiseql.query(sql_source="v_post", permission_classes=[Nobody])
def guarded() -> list[Post]: ...


@fraiseql.query
def hello() -> str:
    return "hello"


class Counting(strawberry.extensions.SchemaExtension):
    pass


counted = fraiseql.build_schema([posts], extensions=[Counting])
"""


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


Run = Callable[..., Any]


def environment(urls: Urls, **more: str) -> dict[str, str]:
    """What a command sees of the world, and nothing else."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "DATABASE_URL": urls.app_url,
        "JWT_SECRET": SECRET,
        **more,
    }


async def call(folder: Path, env: Mapping[str, str], *arguments: str, stdin: str = "") -> Done:
    """Run `python -m fraiseql_strawberry …` to its end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fraiseql_strawberry", *arguments),
        cwd=folder,
        env=env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate(stdin.encode())
    assert process.returncode is not None
    done = Done(process.returncode, out.decode(), err.decode())
    assert "Traceback" not in done.err
    return done


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder on Python's path, with `mixed.py` in it."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "mixed.py").write_text(MIXED)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
    sys.modules.pop("mixed", None)


@pytest.fixture
def run(blog: Urls, modules: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("sql", …)`: in this process, in a folder of its own, as a user of the blog."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("FRAISEQL_CONFIG", "FRAISEQL_ENV"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, stdin: str = "", **env: str) -> Done:
        world = {"DATABASE_URL": blog.app_url, "JWT_SECRET": SECRET, **env}
        result = CliRunner().invoke(app, arguments, input=stdin, env=world)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return Done(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def sql(run: Run) -> Run:
    """`sql(query, …)`: the command `sql` over the blog, as acme unless told otherwise."""

    def sql(
        query: str,
        *arguments: str,
        schema: str = "example_app.schema",
        tenant: object = ACME,
        **more: str,
    ) -> Done:
        target = ("--schema", schema, "--tenant", str(tenant))
        return run("sql", query, *target, *arguments, **more)

    return sql


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """All nodes of PostgreSQL's plan."""
    return [plan, *(node for below in plan.get("Plans", []) for node in nodes(below))]


# -- sql ---------------------------------------------------------------------------------------


def test_an_operation_of_sources_is_one_statement(sql: Run) -> None:
    done = sql(
        "query Feed($n: Int!) { posts(limit: $n, published: true) { id title author { name } } }",
        *("--variables", '{"n": 3}', "--json"),
    )
    answer = done.json
    assert answer["operation"] == {"name": "Feed", "type": "query"}
    assert answer["lane"] == "fast"
    assert answer["tenant_id"] == str(ACME)
    assert answer["role"] == "app"
    (statement,) = answer["statements"]
    assert statement["field"] is None
    assert statement["parameters"] == [
        {"number": 1, "type": "bool", "value": True},
        {"number": 2, "type": "int8", "value": 3},
    ]
    assert statement["plan"][0]["source"] == "v_post"
    assert statement["plan"][0]["below"][0]["source"] == "v_user"
    assert '"v_post"' in statement["sql"]
    assert "tb_post_published" in {n.get("Index Name") for n in nodes(statement["explain"]["plan"])}
    assert statement["explain"]["execution_ms"] is None


@pytest.mark.parametrize("tenant", [ACME, GLOBEX], ids=["acme", "globex"])
def test_analyze_counts_the_rows_of_the_tenant_alone(sql: Run, tenant: Any) -> None:
    done = sql("{ posts(limit: 1000) { id } }", "--analyze", "--json", tenant=tenant)
    explained = done.json["statements"][0]["explain"]
    found = [n for n in nodes(explained["plan"]) if n.get("Relation Name") == "tb_post"]
    assert [node["Actual Rows"] for node in found] == [len(blog_of(tenant).posts)]
    assert explained["execution_ms"] > 0
    assert not any(node.get("Workers Planned") for node in nodes(explained["plan"]))


def test_for_people_it_is_trees(sql: Run, blog: Urls) -> None:
    done = sql('{ post(id: "11111111-1111-4111-8111-111111111111") { title } }', "--analyze")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "fast lane: one statement answers all of it"
    assert lines[1] == f"as tenant {ACME}, role app"
    assert "└── post: one row of v_post where id = $1" in lines
    assert any(line.strip().endswith('."id" = $1::uuid') for line in lines)
    assert re.search(r"^\$1 +uuid +'11111111-1111-4111-8111-111111111111'", done.out, re.MULTILINE)
    assert re.search(r"^EXPLAIN ANALYZE: planning .* ms \(generic plan\)$", done.out, re.MULTILINE)
    password = urlsplit(blog.app_url).password or ""
    assert password
    assert password not in done.out
    assert SECRET not in done.out
    assert "\x1b" not in done.out


UNINDEXED = """{ searchPosts(where: {title: {ilike: "%a%"}}, orderBy: [{title: ASC}], limit: 2) {
  id } }"""


def test_filters_and_orders_that_no_index_serves_are_warned_of(sql: Run) -> None:
    done = sql(UNINDEXED, "--json", schema="example_app.schema")
    filtered, ordered = sorted(done.json["statements"][0]["unindexed"], key=lambda it: it["kind"])
    assert (filtered["kind"], filtered["relation"]) == ("filter", "tb_post")
    assert "title" in filtered["by"]
    assert (ordered["kind"], ordered["relation"]) == ("order", "tb_post")
    assert "title" in ordered["by"]
    lines = sql(UNINDEXED, schema="example_app.schema").out.splitlines()
    assert sum(line.startswith("warning: no index of tb_post ") for line in lines) == 2
    assert lines[-1].startswith("An index on these columns would serve them")


def test_what_an_index_serves_is_not_warned_of(sql: Run) -> None:
    """The tables are so small that PostgreSQL scans them; that is not what it is asked."""
    for query in (
        "{ posts(limit: 2) { id author { name } comments(limit: 2) { id } } }",
        "{ searchPosts(where: {published: {eq: true}}, limit: 2) { id } }",
        "{ feed(first: 2) { edges { node { id } } } }",
    ):
        done = sql(query, "--json", schema="example_app.schema")
        assert done.json["statements"][0]["unindexed"] == [], query


COUNTED = "the schema extension Counting does not say fraiseql_safe = True"


@pytest.mark.parametrize(
    ("query", "schema", "reason", "fields"),
    [
        (
            "{ hello posts { id } b: posts { id } }",
            "mixed",
            "Query.hello has a resolver",
            "posts b",
        ),
        ("{ loud { shout author { name } } }", "mixed", "Loud.shout has a resolver", "loud"),
        ("{ guarded { id } }", "mixed", "Query.guarded has a permission class", "guarded"),
        ("{ hello posts @skip(if: true) { id } }", "mixed", "Query.hello has a resolver", ""),
        ("{ __schema { types { name } } }", "mixed", "introspection", ""),
        ("{ posts { id } }", "mixed:counted", COUNTED, "posts"),
    ],
)
def test_the_standard_lane_and_why(
    sql: Run, query: str, schema: str, reason: str, fields: str
) -> None:
    answer = sql(query, "--json", schema=schema).json
    assert (answer["lane"], answer["reason"]) == ("standard", reason)
    assert [statement["field"] for statement in answer["statements"]] == fields.split()
    assert all(statement["explain"]["plan"] for statement in answer["statements"])


def test_the_switch_of_the_fast_lane(sql: Run, tmp_path: Path) -> None:
    (tmp_path / "fraiseql.toml").write_text("[graphql]\nfast_lane = false\n")
    done = sql("{ a: posts { id } }")
    assert done.out.startswith("standard lane: [graphql] fast_lane = false\n")
    assert "\na\n└── rows of v_post, order by created_at desc, id, limit 20\n" in done.out


def test_a_mutation_tells_its_scopes_and_runs_nothing(sql: Run) -> None:
    done = sql('mutation { createPost(title: "Never", content: "written") { id } }', "--analyze")
    assert done.code == 0
    assert done.out.splitlines() == [
        "standard lane: it is a mutation",
        f"as tenant {ACME}, role app",
        "needs the scopes write:posts",
        "No statement is known before it runs: its resolvers decide.",
    ]
    counted = sql("{ posts(limit: 1000) { id } }", "--analyze")
    assert f"rows {len(blog_of(ACME).posts)}, loops 1" in counted.out


def test_the_query_may_come_from_a_pipe(sql: Run) -> None:
    done = sql(
        "-", "--operation", "B", "--json", stdin="query A { posts { id } } query B { __typename }"
    )
    assert done.json["operation"]["name"] == "B"


@pytest.mark.parametrize(
    ("query", "arguments", "code", "said"),
    [
        ("{ nope }", (), 2, "Cannot query field 'nope' on type 'Query'. (line 1, column 3"),
        ("{", (), 2, "Syntax Error: Expected Name, found <EOF>."),
        ("query A { __typename } query B { __typename }", (), 2, "operationName is needed"),
        ("{ posts { id } }", ("--operation", "X"), 2, 'There is no operation named "X"'),
        ("{ posts(limit: 5000) { id } }", (), 2, "Argument 'limit': must be from 0 to 1000"),
        ("query($n: Int!) { posts(limit: $n) { id } }", (), 2, "Variable '$n'"),
        ("{ posts { id } }", ("--variables", "[1]"), 2, "--variables must be a JSON object"),
        ("{ posts { id } }", ("--variables", "{1"), 2, "--variables is not JSON"),
        ("{ posts { id } }", ("--tenant", "acme"), 2, "--tenant 'acme' is no tenant id"),
        ("{ posts { id } }", ("--schema", "nowhere"), 2, "there is no module 'nowhere'"),
        ("{ posts { id } }", ("--config", "no.toml"), 2, "no.toml: there is no such file"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(
    sql: Run, query: str, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = sql(query, *arguments)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("error: ")
    assert said in done.err
    assert done.err.count("\n") == 1


def test_an_unknown_tenant_is_not_served(sql: Run, tmp_path: Path) -> None:
    (tmp_path / "fraiseql.toml").write_text('[multitenancy]\ntenants_table = "fraiseql.tenants"\n')
    nobody = uuid4()
    done = sql("{ posts { id } }", tenant=nobody)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"error: Tenant not available (tenant {nobody} is unknown)\n"


def test_a_role_that_policies_do_not_hold_is_refused(sql: Run, blog: Urls) -> None:
    done = sql("{ posts { id } }", DATABASE_URL=blog.admin_url)
    assert (done.code, done.out) == (2, "")
    assert "is a superuser" in done.err


def test_a_database_that_cannot_be_reached(sql: Run, blog: Urls) -> None:
    wrong = urlsplit(blog.app_url)
    for host in (f"app:hunter2@{wrong.hostname}:{wrong.port}", "app:hunter2@127.0.0.1:1"):
        done = sql("{ posts { id } }", DATABASE_URL=wrong._replace(netloc=host).geturl())
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("error: Service temporarily unavailable")
        assert "hunter2" not in done.err


async def test_what_a_view_would_write_is_refused(fresh_blog: Urls, tmp_path: Path) -> None:
    admin = await asyncpg.connect(fresh_blog.admin_url)
    await admin.execute(
        "CREATE FUNCTION app.noting() RETURNS text LANGUAGE sql VOLATILE AS "
        "$$ INSERT INTO app.tb_user (name, email) VALUES ('x', 'noted@x') RETURNING name $$;"
        "GRANT EXECUTE ON FUNCTION app.noting() TO app;"
        "CREATE OR REPLACE VIEW app.v_user WITH (security_invoker = true) AS "
        "SELECT id, app.noting() AS name, email, tenant_id FROM app.tb_user"
    )
    env = environment(fresh_blog)
    query = ("sql", "{ posts(limit: 1) { author { name } } }")
    target = ("--schema", "example_app.schema", "--tenant", str(ACME))
    assert (await call(tmp_path, env, *query, *target)).code == 0  # a plan alone runs nothing
    done = await call(tmp_path, env, *query, *target, "--analyze")
    assert (done.code, done.out) == (1, "")
    assert done.err == "error: PostgreSQL: cannot execute INSERT in a read-only transaction\n"
    assert await admin.fetchval("SELECT count(*) FROM app.tb_user WHERE email = 'noted@x'") == 0
    await admin.close()


@pytest.mark.parametrize("fast_lane", [True, False])
@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ posts(limit: 3) { id author { name } comments { content } } }", {}),
        ("query($p: Boolean) { posts(published: $p) { t: title } x: posts { id } }", {"p": True}),
        ("query($p: Boolean) { posts(published: $p) { title } }", {"p": None}),
    ],
)
async def test_what_is_shown_is_what_requests_send(
    blog: Urls,
    make_tenancy: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    fast_lane: bool,
    query: str,
    variables: dict[str, Any],
) -> None:
    schema = fraiseql.build_schema(blog_schema)
    async with make_tenancy(blog, graphql={"fast_lane": fast_lane}) as tenancy:
        await served_schema(tenancy, schema).prepare()  # as the router does at start-up
        sent: list[tuple[str, list[Any]]] = []
        read = tenancy.isolation.read

        async def recording(tenant_id: str, one: Any) -> str | None:
            sent.append((one.sql(), list(one.args)))
            return await read(tenant_id, one)

        monkeypatch.setattr(tenancy.isolation, "read", recording)
        async with tenancy.as_tenant(str(ACME)):
            result = await schema.execute(query, variables)
        assert not result.errors
        choice = await choose(
            served_schema(tenancy, schema), Operation(query, None, variables), str(ACME)
        )
    assert choice.lane == ("fast" if fast_lane else "standard")
    # A request's first parameter is the tenant.
    shown = [
        (re.sub(r"(?<!\w)\$(\d+)", lambda n: f"${int(n[1]) + 1}", one.sql), list(one.args))
        for one in choice.statements
    ]
    assert sorted(shown, key=repr) == sorted(sent, key=repr)


@pytest.fixture(scope="module", params=[True, False], ids=["fast lane", "standard lane"])
async def wide(
    request: pytest.FixtureRequest, admin_url: str, make_tenancy: Callable[..., Any]
) -> AsyncIterator[Tenancy]:
    """A tenancy over a schema with every kind of column."""
    async with open_wide(admin_url, SchemaIndex(wide_schema)) as database:
        urls = Urls(*[database.url] * 5)
        async with make_tenancy(urls, graphql={"fast_lane": request.param}) as tenancy:
            yield tenancy


FILTERS = {
    name: str(argument.type)
    for name, argument in wide_schema._schema.query_type.fields["things"].args.items()
    if name not in ("limit", "offset", "orderBy")
}


@pytest.mark.parametrize("name", FILTERS)
async def test_the_plan_is_made_for_the_values_that_a_request_binds(
    wide: Tenancy, name: str
) -> None:
    tenant = CLEAN[0]
    many = name in ("id", "number")  # lists that hold the column's value
    query = f"query($v: {FILTERS[name]}) {{ things({name}: $v, limit: 1000) {{ id }} }}"
    async with wide.as_tenant(tenant):
        rows = await wide_schema.execute(f"{{ things(limit: 1000) {{ value: {name} }} }}")
        for row in rows.data["things"]:
            variables = {"v": [row["value"]] * 2 if many else row["value"]}
            found = await wide_schema.execute(query, variables)
            if row["value"] is not None and found.data:
                break  # not one of those beyond the range of Python's dates and times
        else:
            pytest.fail(f"no row has a value of {name} that can be filtered by")
    choice = await choose(
        served_schema(wide, wide_schema), Operation(query, None, variables), tenant
    )
    async with as_tenant(wide, tenant) as asking:
        answer = await explain(asking, choice.statements[0], analyze=True)
    (scan,) = [n for n in nodes(answer.plan) if n.get("Relation Name") == "tb_thing"]
    assert scan["Actual Rows"] == len(found.data["things"]) > 0
    assert answer.kind == "generic plan"
    assert "$1" in str(answer.plan)


async def test_bare_policies_have_custom_plans(
    fresh_blog: Urls, make_tenancy: Callable[..., Any]
) -> None:
    admin = await asyncpg.connect(fresh_blog.admin_url)
    await admin.execute(
        "ALTER POLICY tenant_access ON app.tb_post "
        "USING (tenant_id = current_setting('app.tenant_id')::uuid)"
    )
    await admin.close()
    schema = fraiseql.build_schema(blog_schema)
    async with make_tenancy(fresh_blog) as tenancy:
        operation = Operation("{ posts(published: true) { id } }", None, {})
        choice = await choose(served_schema(tenancy, schema), operation, str(ACME))
        async with as_tenant(tenancy, str(ACME)) as asking:
            answer = await explain(asking, choice.statements[0])
    assert answer.kind == "custom plan"
    assert "$1" not in str(answer.plan)


async def test_nothing_is_left_on_the_connection(
    blog: Urls, make_tenancy: Callable[..., Any]
) -> None:
    schema = fraiseql.build_schema(blog_schema)
    database = {"pool_size": 1, "max_overflow": 0}
    left = (
        "SELECT coalesce(current_setting('app.tenant_id', true), '') || "
        "(SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'fraiseql%')"
    )
    async with make_tenancy(blog, database=database) as tenancy:
        operation = Operation("{ posts { id } }", None, {})
        choice = await choose(served_schema(tenancy, schema), operation, str(ACME))
        broken = replace(choice.statements[0], sql="SELECT 1 / (random() * 0)::int")
        async with as_tenant(tenancy, str(ACME)) as asking:
            await explain(asking, choice.statements[0], analyze=True)
        with pytest.raises(CommandFailed, match="PostgreSQL: division by zero"):
            async with as_tenant(tenancy, str(ACME)) as asking:
                await explain(asking, broken, analyze=True)
        async with tenancy.isolation.engine_for(str(ACME)).connect() as connection:
            assert (await connection.exec_driver_sql(left)).scalar_one() == "0"


# -- init --------------------------------------------------------------------------------------

NOTES = """
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

import fraiseql_strawberry as fraiseql


@fraiseql.type(sql_source="v_note")
class Note:
    id: UUID
    title: str
    created_at: datetime


@fraiseql.query(sql_source="v_note", order_by="-created_at, id")
def notes(limit: int = 20) -> list[Note]: ...


@fraiseql.mutation
async def add_note(session: fraiseql.TenantSession, title: str) -> Note:
    insert = text("INSERT INTO app.tb_note (title) VALUES (:title) RETURNING id")
    return await fraiseql.load(Note, session, id=await session.scalar(insert, {"title": title}))
"""


class Service(NamedTuple):
    """A service that began with `init`."""

    folder: Path
    env: dict[str, str]


@pytest.fixture
async def notes(
    make_database: Callable[..., AbstractAsyncContextManager[Any]], tmp_path: Path
) -> AsyncIterator[Service]:
    """What `init` wrote, run as it tells to, with a schema module beside it."""
    role = f"cli_{uuid4().hex[:12]}"
    (tmp_path / "notes.py").write_text(NOTES)
    async with make_database() as database:

        def url_of(name: str) -> str:
            parts = urlsplit(database.url)
            host = parts.netloc.rpartition("@")[2]
            return parts._replace(netloc=f"{name}:{quote('a password')}@{host}").geturl()

        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        env = {**kept, "PYTHONPATH": str(ROOT), "DATABASE_URL": url_of(role), "JWT_SECRET": SECRET}
        done = await call(
            tmp_path, env, "init", "--role", role, "--database", database.name, "--name", "Notes"
        )
        assert done.code == 0, done.err
        admin = await asyncpg.connect(database.url)
        try:
            roles = (tmp_path / "roles.sql").read_text()
            for _ in range(2):  # it may run again
                await admin.execute(roles)
            for name in (role, f"{role}_migrator"):
                await admin.execute(f"ALTER ROLE {name} PASSWORD 'a password'")
            migrator = await asyncpg.connect(url_of(f"{role}_migrator"))
            await migrator.execute((tmp_path / "row_level_security.sql").read_text())
            await migrator.close()
            yield Service(tmp_path, env)
        finally:
            for name in (role, f"{role}_migrator", f"{role}_owner"):
                await admin.execute(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")
            await admin.close()


async def test_the_files_of_init_make_a_service_that_keeps_tenants_apart(notes: Service) -> None:
    tokens = {}
    for tenant in (ACME, GLOBEX):
        done = await call(*notes, "token", "--tenant", str(tenant))
        assert done.code == 0, done.err
        tokens[tenant] = done.out.strip()
    async with served(*notes, "notes") as url:
        for tenant, token in tokens.items():
            query = f'mutation {{ addNote(title: "of {tenant}") {{ title }} }}'
            answer = await graphql(url, token, query)
            assert answer == {"data": {"addNote": {"title": f"of {tenant}"}}}
        for tenant, token in tokens.items():
            answer = await graphql(url, token, "{ notes { title } }")
            assert answer == {"data": {"notes": [{"title": f"of {tenant}"}]}}
    query = ("sql", "{ notes { title } }", "--schema", "notes", "--tenant", str(ACME), "--json")
    answer = (await call(*notes, *query)).json
    assert answer["lane"] == "fast"
    assert "tb_note_recent" in str(answer["statements"][0]["explain"])


async def test_roles_of_init_refuse_another_database(
    notes: Service, make_database: Callable[..., AbstractAsyncContextManager[Any]]
) -> None:
    async with make_database() as other:
        admin = await asyncpg.connect(other.url)
        with pytest.raises(asyncpg.RaiseError, match="this is the database test_"):
            await admin.execute((notes.folder / "roles.sql").read_text())
        await admin.close()


async def graphql(url: str, token: str, query: str) -> Any:
    """Ask a running service."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        return (await http.post("/graphql", json={"query": query})).json()


# -- serve -------------------------------------------------------------------------------------


@asynccontextmanager
async def served(folder: Path, env: Mapping[str, str], *arguments: str) -> AsyncIterator[str]:
    """`serve` on a free port until the end of the block, then Ctrl-C; gives its URL."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fraiseql_strawberry", "serve", *arguments, "--port", "0"),
        cwd=folder,
        env=env,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    said = ""
    try:
        async with asyncio.timeout(SECONDS):
            while not (found := re.search(r"running on (http://\S+)", said)):
                line = await process.stderr.readline()
                assert line, said
                said += line.decode()
            await connectable(found[1])
        yield found[1]
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(SECONDS):
            said += (await process.stderr.read()).decode()
            assert await process.wait() == 0, said
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)  # its workers too
            await process.wait()
    assert "Traceback" not in said


async def connectable(url: str) -> None:
    """Wait: where there are workers, the address is told before any of them listens."""
    while True:
        try:
            async with httpx2.AsyncClient(base_url=url) as http:
                await http.get("/")
                return
        except httpx2.ConnectError:
            await asyncio.sleep(0.05)


APP = """
from fastapi import FastAPI

import fraiseql_strawberry as fraiseql
from example_app import schema

tenancy = fraiseql.Tenancy()
app = FastAPI()
tenancy.install(app)
router = fraiseql.GraphQLRouter(fraiseql.build_schema(schema), tenancy=tenancy)
app.include_router(router, prefix="/graphql")
"""


TOKENS = {tenant: mint_token(SECRET, tenant=str(tenant)) for tenant in (ACME, GLOBEX)}


@pytest.mark.parametrize(
    "arguments",
    [
        ("example_app.schema",),
        ("example_app.app:create_app",),
        ("served_app:app",),
        ("example_app.schema", "--workers", "2"),
    ],
    ids=" ".join,
)
async def test_serve(blog: Urls, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "served_app.py").write_text(APP)
    async with served(tmp_path, environment(blog), *arguments) as url:
        for tenant, token in TOKENS.items():
            answer = await graphql(url, token, "{ posts(limit: 1000) { id } }")
            assert {post["id"] for post in answer["data"]["posts"]} == {
                str(post.id) for post in blog_of(tenant).posts
            }
        answer = await graphql(url, "no token", "{ posts { id } }")
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHORIZED"


async def test_a_changed_file_is_served_after_a_reload(blog: Urls, tmp_path: Path) -> None:
    module = tmp_path / "reloaded.py"
    module.write_text(MIXED)
    async with served(tmp_path, environment(blog), "reloaded", "--reload") as url:
        await until(url, "hello")
        module.write_text(MIXED.replace('return "hello"', 'return "changed"'))
        await until(url, "changed")


async def until(url: str, wanted: str) -> None:
    """Ask until the answer is the wanted one: a reload takes its time."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                answer = await graphql(url, TOKENS[ACME], "{ hello }")
            except httpx2.TransportError:
                answer = None
            if answer == {"data": {"hello": wanted}}:
                return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("admin_url", 2, 'role "postgres" is a superuser'),
        ("", 1, "Service temporarily unavailable"),
    ],
)
def test_a_start_that_fails_says_why(blog: Urls, run: Run, url: str, code: int, said: str) -> None:
    database = getattr(blog, url) if url else "postgresql://app:hunter2@127.0.0.1:1/x"
    done = run("serve", "example_app.schema", "--port", "0", DATABASE_URL=database)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "hunter2" not in done.err

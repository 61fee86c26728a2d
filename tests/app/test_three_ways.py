"""Three ways in: routes, our router, and a Strawberry schema and router that were there before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any
from uuid import UUID

import pytest
import strawberry
from fastapi import Depends, FastAPI, Header, HTTPException
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.fastapi import BaseContext
from strawberry.fastapi import GraphQLRouter as StrawberryRouter
from strawberry.permission import BasePermission

import fraiseql_strawberry as fraiseql
from example_app.data import ACME, GLOBEX, blog_of
from example_app.database import Urls
from fraiseql_strawberry import SyncTenantSession, Tenancy, TenantSession, requires_scope
from fraiseql_strawberry.engine import asyncpg_url
from fraiseql_strawberry.errors import SetupError

Token = Callable[..., str]
BOTH = pytest.mark.parametrize("tenant", [ACME, GLOBEX], ids=["acme", "globex"])
COUNT = text("SELECT count(*) FROM v_post")


def number(tenant: UUID) -> int:
    return len(blog_of(tenant).posts)


# --- A schema of hand-written and decorated parts -------------------------------------------------


class IsKnown(BasePermission):
    message = "Who are you?"

    def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        return info.context["user_id"] is not None


class IsNobody(BasePermission):
    message = "Nobody may"

    def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        return False


class Count(SchemaExtension):
    """An extension of the application's own."""

    operations = 0

    def on_operation(self) -> Any:
        Count.operations += 1
        yield


@fraiseql.type(sql_source="v_user")
class User:
    id: UUID
    name: str

    @strawberry.field
    def shouted(self) -> str:
        return self.name.upper()


@strawberry.type
class Report:
    tenant: str | None
    posts: int


@fraiseql.query(sql_source="v_user", order_by="name")
def users(limit: int = 100) -> list[User]: ...


@fraiseql.query(sql_source="v_user", permission_classes=[IsNobody])
def hidden_users() -> list[User] | None: ...


@fraiseql.query(sql_source="v_user")
@requires_scope("read:users")
def scoped_users() -> list[User] | None: ...


@requires_scope("read:users")
@fraiseql.query(sql_source="v_user")
def scoped_above() -> list[User] | None: ...


@strawberry.type
class Query:
    """Written before fraiseql was there."""

    users: list[User] = users
    hidden_users: list[User] | None = hidden_users
    scoped_users: list[User] | None = scoped_users
    scoped_above: list[User] | None = scoped_above

    @strawberry.field(extensions=[fraiseql.inject])
    async def report(self, info: strawberry.Info, session: TenantSession) -> Report:
        return Report(tenant=info.context["tenant_id"], posts=await session.scalar(COUNT) or 0)

    @strawberry.field(extensions=[fraiseql.inject])
    def report_sync(self, info: strawberry.Info, session: SyncTenantSession) -> Report:
        return Report(tenant=info.context.tenant_id, posts=session.scalar(COUNT) or 0)

    @strawberry.field(permission_classes=[IsKnown])
    def secret(self) -> str | None:
        return "42"

    @strawberry.field(permission_classes=[IsNobody])
    def forbidden(self) -> str | None:
        return "never"

    @strawberry.field
    @requires_scope("read:native")
    def native_below(self) -> str | None:
        return "native"

    @requires_scope("read:native")
    @strawberry.field
    def native_above(self) -> str | None:
        return "native"

    @strawberry.field(extensions=[fraiseql.inject])
    @requires_scope("read:native")
    async def native_injected(self, session: TenantSession) -> int | None:
        return await session.scalar(COUNT)

    @requires_scope("read:native")
    @strawberry.field(extensions=[fraiseql.inject])
    def native_injected_above(self, session: SyncTenantSession) -> int | None:
        return session.scalar(COUNT)

    @strawberry.field
    def context_class(self, info: strawberry.Info) -> str:
        return type(info.context).__name__

    @strawberry.field
    def own_note(self, info: strawberry.Info) -> list[str | None]:
        context = info.context
        own = getattr(context, "note", None) or context.get("note")
        return [own, context["tenant_id"], context.tenant_id, context.get("admin_db")]


@fraiseql.mutation
def count_sync(info, session: SyncTenantSession) -> int | None:
    return session.scalar(COUNT)


@fraiseql.mutation
async def count_async(info, session: TenantSession) -> int | None:
    return await session.scalar(COUNT)


@fraiseql.mutation
def plain_sync(info, title: str) -> str:
    return f"{info.context['tenant_id']} {info.context['user_id']} {title}"


@fraiseql.mutation
async def plain_async(info, title: str) -> str:
    return f"{info.context['tenant_id']} {info.context['user_id']} {title}"


@fraiseql.mutation
def nap(session: SyncTenantSession) -> str | None:
    session.execute(text("SELECT pg_advisory_xact_lock(1)"))
    return "rested"


@fraiseql.mutation
@requires_scope("write:it")
async def scoped_below(session: TenantSession) -> int | None:
    return await session.scalar(COUNT)


@requires_scope("write:it")
@fraiseql.mutation
async def scoped_over(session: TenantSession) -> int | None:
    return await session.scalar(COUNT)


@requires_scope("write:it")
@fraiseql.mutation
@requires_scope("write:more")
def scoped_twice() -> str | None:
    return "both"


@fraiseql.mutation(tenant=False)
async def sign_up(info, name: str) -> str:
    return f"welcome {name}, tenant {info.context['tenant_id']}"


@fraiseql.mutation(tenant=False)
@requires_scope("admin:tenants")
async def databases(info) -> int | None:
    rows = await info.context["admin_db"].fetch("SELECT FROM pg_database WHERE datname = $1", "x")
    return len(rows)


@fraiseql.mutation(tenant=False)
async def grab_admin(info) -> int | None:
    return len(await info.context["admin_db"].fetch("SELECT 1"))


MUTATIONS = [
    count_sync, count_async, plain_sync, plain_async, nap, scoped_below, scoped_over, scoped_twice,
    sign_up, databases, grab_admin,
]  # fmt: skip
Mutation = strawberry.tools.create_type("Mutation", MUTATIONS)


class OwnContext(BaseContext):
    """The application's own context class."""

    def __init__(self, note: str) -> None:
        super().__init__()
        self.note = note

    def greet(self) -> str:
        return f"hello {self.note}"


def no_context() -> None:
    return None


async def dict_context(x_note: Annotated[str, Header()] = "a note") -> dict[str, Any]:
    return {"note": x_note}


def note_of(x_note: Annotated[str, Header()] = "a note") -> str:
    return x_note


def own_context(note: Annotated[str, Depends(note_of)]) -> OwnContext:
    return OwnContext(note)


GETTERS = {"none": None, "None": no_context, "dict": dict_context, "BaseContext": own_context}
ROUTERS = [f"{router}, context {name}" for router in ("ours", "Strawberry's") for name in GETTERS]


def app_of(tenancy: Tenancy, router: str, getter: Any, extensions: Any = ()) -> FastAPI:
    app = FastAPI()
    tenancy.install(app)
    if router == "ours":
        schema = fraiseql.build_schema([Query, Mutation], extensions=[*extensions, Count])
        app.include_router(
            fraiseql.GraphQLRouter(schema, tenancy=tenancy, context_getter=getter),
            prefix="/graphql",
        )
    else:
        native = strawberry.Schema(
            Query, Mutation, extensions=[*extensions, Count, tenancy.extension]
        )
        app.include_router(
            StrawberryRouter(native, context_getter=tenancy.context(getter)), prefix="/graphql"
        )
    return app


@pytest.fixture(scope="module", params=ROUTERS)
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    router, _, name = request.param.partition(", context ")
    return router, name


@pytest.fixture(scope="module")
def fast_lane() -> bool:
    return True


@pytest.fixture(scope="module")
def tenancy(blog: Urls, make_tenancy: Any) -> Tenancy:
    return make_tenancy(blog, database={"admin_url": blog.admin_url})


@pytest.fixture(scope="module")
async def client(
    blog: Urls, make_tenancy: Any, serve: Any, way: tuple[str, str]
) -> AsyncIterator[Any]:
    tenancy = make_tenancy(blog, database={"admin_url": blog.admin_url})
    async with serve(app_of(tenancy, way[0], GETTERS[way[1]])) as client:
        yield client


# --- What they all do alike -------------------------------------------------------------------------


@BOTH
async def test_hand_written_and_decorated_fields_in_one_operation(
    client: Any, token: Token, tenant: UUID
) -> None:
    data = await client.data(
        "{ users { name shouted } report { tenant posts } reportSync { tenant posts } secret }",
        token(tenant),
    )
    report = {"tenant": str(tenant), "posts": number(tenant)}
    assert data["report"] == data["reportSync"] == report
    assert data["secret"] == "42"
    names = sorted(user.name for user in blog_of(tenant).users)
    assert sorted(user["name"] for user in data["users"]) == names
    assert all(user["shouted"] == user["name"].upper() for user in data["users"])


@BOTH
async def test_both_kinds_of_mutation(client: Any, token: Token, tenant: UUID) -> None:
    data = await client.data(
        'mutation { countSync countAsync plainSync(title: "t") plainAsync(title: "t") }',
        token(tenant, user="u-7"),
    )
    assert data["countSync"] == data["countAsync"] == number(tenant)
    assert data["plainSync"] == data["plainAsync"] == f"{tenant} u-7 t"


async def test_the_applications_own_context(
    client: Any, token: Token, way: tuple[str, str]
) -> None:
    data = await client.data("{ ownNote contextClass }", token(GLOBEX), headers={"X-Note": "mine"})
    note = None if way[1] in ("none", "None") else "mine"
    assert data["ownNote"] == [note, str(GLOBEX), str(GLOBEX), None]
    assert data["contextClass"] == ("OwnContext" if way[1] == "BaseContext" else "Context")


async def test_permission_classes(client: Any, token: Token, watch: Any) -> None:
    await client.data("{ users { id } }", token())
    answer = await client.graphql("{ forbidden secret }", token())
    [error] = answer.json()["errors"]
    assert (error["message"], error["path"]) == ("Nobody may", ["forbidden"])
    assert answer.json()["data"] == {"forbidden": None, "secret": "42"}
    async with watch.nothing_sent():
        answer = await client.graphql("{ hiddenUsers { id } }", token())
    assert answer.json()["data"] == {"hiddenUsers": None}
    assert answer.json()["errors"][0]["message"] == "Nobody may"
    answer = await client.graphql("{ secret }", token(user=None))
    assert answer.json()["data"] == {"secret": None}


SCOPED = {
    "{ scopedUsers { id } }": ["read:users"],
    "{ scopedAbove { id } }": ["read:users"],
    "{ nativeBelow }": ["read:native"],
    "{ nativeAbove }": ["read:native"],
    "{ nativeInjected }": ["read:native"],
    "{ nativeInjectedAbove }": ["read:native"],
    "mutation { scopedBelow }": ["write:it"],
    "mutation { scopedOver }": ["write:it"],
    "mutation { scopedTwice }": ["write:it", "write:more"],
}


@pytest.mark.parametrize("query", SCOPED)
async def test_scopes_in_every_order_of_decorators(
    client: Any, token: Token, query: str, watch: Any
) -> None:
    needed = SCOPED[query]
    data = await client.data(query, token(scopes=needed))
    assert all(value is not None for value in data.values())
    for scopes in ([], ["read"], needed[1:], [scope.upper() for scope in needed]):
        async with watch.nothing_sent():
            answer = await client.graphql(query, token(scopes=scopes))
        assert answer.status_code == 200
        [error] = answer.json()["errors"]
        assert error["extensions"] == {"code": "FORBIDDEN"}
        assert error["message"].startswith("Missing scope: ")
        assert all(value is None for value in answer.json()["data"].values())


async def test_scopes_and_permissions_in_the_fast_lane(
    blog: Urls, make_tenancy: Any, serve: Any, token: Token, watch: Any
) -> None:
    tenancy = make_tenancy(blog, graphql={"server_timing": True})
    app = FastAPI()
    tenancy.install(app)
    schema = fraiseql.build_schema([users, scoped_users, scoped_above, hidden_users])
    app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")
    async with serve(app) as client:
        answer = await client.graphql("{ users { name } }", token())
        assert "fast" in answer.headers["server-timing"]
        for field in ("scopedUsers", "scopedAbove"):
            query = f"{{ {field} {{ id }} }}"
            assert await client.data(query, token(scopes=["read:users"]))
            async with watch.nothing_sent():
                answer = await client.graphql(query, token(scopes=["read"]))
            [error] = answer.json()["errors"]
            assert (error["extensions"], error["path"]) == ({"code": "FORBIDDEN"}, [field])
        answer = await client.graphql("{ scopedUsers { id } }", token(scopes=["read:users"]))
        assert "fast" in answer.headers["server-timing"]
        async with watch.nothing_sent():
            answer = await client.graphql("{ hiddenUsers { id } }", token())
        assert answer.json()["errors"][0]["message"] == "Nobody may"


async def test_a_field_without_a_tenant(client: Any, token: Token, watch: Any) -> None:
    async with watch.nothing_sent():
        data = await client.data('mutation { signUp(name: "Ada") }')
        assert data == {"signUp": "welcome Ada, tenant None"}
        for query in (
            'mutation { signUp(name: "Ada") countAsync }',
            'mutation { countSync signUp(name: "Ada") }',
            "{ secret }",
            "{ nativeBelow __typename }",
        ):
            answer = await client.graphql(query)
            assert answer.json()["errors"][0]["extensions"] == {"code": "UNAUTHORIZED"}
            assert not answer.json().get("data")
    data = await client.data('mutation { signUp(name: "Ada") }', token(GLOBEX))
    assert data == {"signUp": f"welcome Ada, tenant {GLOBEX}"}


async def test_the_administrators_connection(client: Any, token: Token) -> None:
    admin = token(None, scopes=["admin:tenants"])
    assert await client.data("mutation { databases }", admin) == {"databases": 0}
    for query in ("mutation { databases }", "mutation { grabAdmin }"):
        answer = await client.graphql(query, token(scopes=["write:posts"]))
        assert answer.json()["errors"][0]["extensions"] == {"code": "FORBIDDEN"}


async def test_a_sync_body_never_blocks_the_loop(client: Any, token: Token, watch: Any) -> None:
    async with asyncio.timeout(10):
        async with watch.lock():
            napping = asyncio.create_task(client.data("mutation { nap }", token()))
            await watch.waiting()
            assert await client.data("{ __typename }")
            assert await client.data("{ users { name } }", token(GLOBEX))
            assert not napping.done()
        assert await napping == {"nap": "rested"}


async def test_siblings_share_two_connections(client: Any, token: Token) -> None:
    aliases = " ".join(f"a{n}: report {{ posts }} b{n}: reportSync {{ posts }}" for n in range(15))
    async with asyncio.timeout(10):
        data = await client.data(f"{{ {aliases} users {{ name }} }}", token(GLOBEX))
    assert {value["posts"] for key, value in data.items() if key != "users"} == {number(GLOBEX)}


async def test_the_applications_own_extension_ran(client: Any, token: Token) -> None:
    before = Count.operations
    await client.data("{ users { id } }", token())
    assert Count.operations == before + 1


# --- Their own engine and session class, their own guards ----------------------------------------------


class OwnSession(AsyncSession):
    async def count(self) -> int:
        return await self.scalar(COUNT) or 0


@BOTH
async def test_an_existing_engine_and_session_class(
    blog: Urls, make_tenancy: Any, serve: Any, token: Token, tenant: UUID
) -> None:
    engine = create_async_engine(asyncpg_url(blog.app_url), pool_size=2, max_overflow=0)
    options = {"engine": engine, "session_class": OwnSession}
    app = FastAPI()
    make_tenancy(blog, env={"DATABASE_URL": None}, options=options).install(app)

    @app.get("/count")
    async def count(session: TenantSession) -> int:
        assert isinstance(session, OwnSession)
        return await session.count()

    async with serve(app) as client:
        assert (await client.get("/count", token(tenant))).json() == number(tenant)
        assert (await client.get("/count")).status_code == 401
    await engine.dispose()


def refuse(x_pass: Annotated[str | None, Header()] = None) -> None:
    if x_pass != "yes":
        raise HTTPException(418, "not without a pass")


async def refusing_context(x_pass: Annotated[str | None, Header()] = None) -> None:
    refuse(x_pass)


def with_context_getter(tenancy: Tenancy, schema: Any) -> FastAPI:
    app = FastAPI()
    router = fraiseql.GraphQLRouter(schema, tenancy=tenancy, context_getter=refusing_context)
    app.include_router(router, prefix="/graphql")
    return app


def with_dependency_of_the_app(tenancy: Tenancy, schema: Any) -> FastAPI:
    app = FastAPI(dependencies=[Depends(refuse)])
    app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")
    return app


def with_dependency_of_the_inclusion(tenancy: Tenancy, schema: Any) -> FastAPI:
    app = FastAPI()
    router = fraiseql.GraphQLRouter(schema, tenancy=tenancy)
    app.include_router(router, prefix="/graphql", dependencies=[Depends(refuse)])
    return app


def with_dependency_of_the_router(tenancy: Tenancy, schema: Any) -> FastAPI:
    app = FastAPI()
    router = fraiseql.GraphQLRouter(schema, tenancy=tenancy, dependencies=[Depends(refuse)])
    app.include_router(router, prefix="/graphql")
    return app


@pytest.mark.parametrize(
    "build",
    [
        with_context_getter,
        with_dependency_of_the_app,
        with_dependency_of_the_inclusion,
        with_dependency_of_the_router,
    ],
)
async def test_no_lane_skips_the_applications_own_guards(
    tenancy: Tenancy, serve: Any, token: Token, build: Any, watch: Any
) -> None:
    app = build(tenancy, fraiseql.build_schema([users]))
    tenancy.install(app)
    async with serve(app) as client:
        async with watch.nothing_sent():
            for _ in range(2):
                answer = await client.graphql("{ users { name } }", token())
                assert answer.status_code == 418
        for _ in range(2):
            assert await client.data("{ users { name } }", token(), headers={"X-Pass": "yes"})


@pytest.mark.parametrize("router", ["ours", "Strawberry's"])
async def test_extensions_that_parse_and_validate_change_no_guard(
    tenancy: Tenancy, serve: Any, token: Token, router: str, watch: Any
) -> None:
    extensions = [lambda: ParserCache(maxsize=10), lambda: ValidationCache(maxsize=10)]
    async with serve(app_of(tenancy, router, None, extensions)) as client:
        for _ in range(2):
            async with watch.nothing_sent():
                answer = await client.graphql("{ report { posts } }")
            assert answer.json()["errors"][0]["extensions"] == {"code": "UNAUTHORIZED"}
            data = await client.data("{ report { posts } users { name } }", token(GLOBEX))
            assert data["report"] == {"posts": number(GLOBEX)}
            aliases = " ".join(f"a{n}: secret" for n in range(31))
            answer = await client.graphql(f"{{ {aliases} }}", token())
            assert "number of aliases" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("router", ["ours", "Strawberry's"])
async def test_nor_do_they_bring_introspection_back(
    blog: Urls, make_tenancy: Any, serve: Any, token: Token, router: str
) -> None:
    tenancy = make_tenancy(blog, graphql={"introspection": False})
    extensions = [lambda: ParserCache(maxsize=10), lambda: ValidationCache(maxsize=10)]
    async with serve(app_of(tenancy, router, None, extensions)) as client:
        answer = await client.graphql("{ __schema { types { name } } }", token())
        assert answer.json()["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}
        assert not answer.json().get("data")


async def test_the_lifespan_alone_is_enough_for_our_router(
    tenancy: Tenancy, serve: Any, token: Token
) -> None:
    app = FastAPI(lifespan=tenancy.lifespan)
    schema = fraiseql.build_schema([users, *MUTATIONS])
    app.include_router(fraiseql.GraphQLRouter(schema, tenancy=tenancy), prefix="/graphql")
    async with serve(app) as client:
        assert await client.data("{ users { name } }", token())
        assert (await client.data("mutation { countSync countAsync }", token(GLOBEX))) == {
            "countSync": number(GLOBEX),
            "countAsync": number(GLOBEX),
        }
        answer = await client.graphql("{ users { name } }")
        assert answer.status_code == 401
        assert answer.json()["errors"][0]["extensions"] == {"code": "UNAUTHORIZED"}


# --- Wired wrongly ----------------------------------------------------------------------------------


async def test_an_app_serves_one_tenancy(tenancy: Tenancy, blog: Urls, make_tenancy: Any) -> None:
    app = FastAPI()
    tenancy.install(app)
    with pytest.raises(SetupError, match="another tenancy"):
        make_tenancy(blog).install(app)


async def test_a_route_without_a_tenancy_says_so(serve: Any, token: Token) -> None:
    app = FastAPI()

    @app.get("/count")
    async def count(session: TenantSession) -> int | None:
        return await session.scalar(COUNT)

    async with serve(app) as client:
        assert (await client.get("/count", token())).status_code == 500


async def test_a_strawberry_router_without_our_context_serves_nothing(
    tenancy: Tenancy, serve: Any, token: Token, watch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = FastAPI()
    tenancy.install(app)
    schema = strawberry.Schema(Query, extensions=[tenancy.extension])
    app.include_router(StrawberryRouter(schema), prefix="/graphql")
    async with serve(app) as client:
        with caplog.at_level("INFO", logger="fraiseql_strawberry"):
            async with watch.nothing_sent():
                answer = await client.graphql("{ report { posts } }", token())
    assert answer.json()["errors"][0]["extensions"]["code"] in ("UNAUTHORIZED", "FORBIDDEN")
    assert not answer.json().get("data")
    assert "tenancy.context" in caplog.text


# --- Without HTTP -----------------------------------------------------------------------------------


@BOTH
async def test_a_job_executes_operations(blog: Urls, make_tenancy: Any, tenant: UUID) -> None:
    schema = fraiseql.build_schema([Query, Mutation])
    async with make_tenancy(blog) as tenancy, tenancy.as_tenant(str(tenant)):
        for query in ("{ report { posts } users { name } }", "mutation { countSync countAsync }"):
            result = await schema.execute(query)
            assert result.errors is None
        assert result.data == {"countSync": number(tenant), "countAsync": number(tenant)}


async def test_a_job_with_a_strawberry_schema(tenancy: Tenancy) -> None:
    schema = strawberry.Schema(Query, Mutation, extensions=[tenancy.extension])
    async with tenancy:
        async with tenancy.as_tenant(str(GLOBEX)):
            result = await schema.execute("{ report { tenant posts } users { name } }")
        assert result.errors is None
        assert result.data["report"] == {"tenant": str(GLOBEX), "posts": number(GLOBEX)}
        result = await schema.execute("{ report { tenant posts } }")
        [error] = result.errors
        assert error.extensions["code"] in ("UNAUTHORIZED", "FORBIDDEN")


async def test_a_context_of_one_tenants_job_is_refused_in_anothers(tenancy: Tenancy) -> None:
    schema = strawberry.Schema(Query, extensions=[tenancy.extension])
    context = OwnContext("kept for later")
    async with tenancy:
        async with tenancy.as_tenant(str(ACME)):
            for _ in range(2):
                result = await schema.execute("{ report { tenant } }", context_value=context)
                assert result.data == {"report": {"tenant": str(ACME)}}
        async with tenancy.as_tenant(str(GLOBEX)):
            result = await schema.execute("{ report { tenant } }", context_value=context)
            assert result.data is None
            assert result.errors
            result = await schema.execute("{ report { tenant } }", context_value=OwnContext("new"))
            assert result.data == {"report": {"tenant": str(GLOBEX)}}


@pytest.mark.parametrize("query", ["{ users { name } }", "{ report { posts } }"])
async def test_an_operation_inside_of_a_session_is_nested(
    blog: Urls, make_tenancy: Any, query: str
) -> None:
    schema = fraiseql.build_schema([Query])
    database = {"pool_size": 1, "max_overflow": 0}
    async with make_tenancy(blog, database=database) as tenancy, asyncio.timeout(3):
        async with tenancy.as_tenant(str(ACME)), tenancy.session() as session:
            for _ in range(2):  # before the catalog is known, and after
                await session.execute(COUNT)
                result = await schema.execute(query)
                [error] = result.errors
                assert error.extensions["code"] == "INTERNAL_SERVER_ERROR"
                await session.commit()
                result = await schema.execute(query)
                assert result.errors is None

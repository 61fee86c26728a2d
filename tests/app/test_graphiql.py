"""GraphiQL over HTTP: the page and all it loads come from the service, wherever it is mounted."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from fastapi import FastAPI
from graphql import get_introspection_query

import fraiseql_strawberry as fraiseql
from example_app import schema as blog_schema
from example_app.database import Urls
from fraiseql_strawberry import Tenancy

HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def fast_lane() -> bool:
    return True


class Links(HTMLParser):
    """Every URL that a page names."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


def at_a_prefix(router: Any) -> tuple[FastAPI, str]:
    app = FastAPI()
    app.include_router(router, prefix="/graphql")
    return app, "/graphql"


def deeper(router: Any) -> tuple[FastAPI, str]:
    app = FastAPI()
    app.include_router(router, prefix="/api/v1/graph")
    return app, "/api/v1/graph"


def in_a_mounted_app(router: Any) -> tuple[FastAPI, str]:
    inner, app = FastAPI(), FastAPI()
    inner.include_router(router, prefix="/graphql")
    app.mount("/service", inner)
    return app, "/service/graphql"


@pytest.mark.parametrize("mount", [at_a_prefix, deeper, in_a_mounted_app])
async def test_the_page_loads_from_the_service_alone(
    blog: Urls, make_tenancy: Any, serve: Any, token: Callable[..., str], mount: Any
) -> None:
    tenancy: Tenancy = make_tenancy(blog)
    schema = fraiseql.build_schema(blog_schema)
    app, path = mount(fraiseql.GraphQLRouter(schema, tenancy=tenancy))
    tenancy.install(app)
    async with serve(app) as client:
        answer = await client.get(path, headers={**HTML, "Host": "evil.example"})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["cache-control"] == "no-store"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "evil.example" not in answer.text
        links = [link for link in Links(answer.text).found if not link.startswith("data:")]
        assert len(links) >= 4
        for link in links:
            url = urljoin(client.url + path, link)
            assert urlsplit(url).netloc == urlsplit(client.url).netloc
            asset = await client.get(urlsplit(url).path)
            assert asset.status_code == 200, url
            assert asset.headers["etag"]
            assert "immutable" in asset.headers["cache-control"]
        assert (await client.get(f"{path}/graphiql/../../etc/passwd")).status_code == 404
        assert (await client.get(f"{path}/graphiql/nothing.js")).status_code == 404
        # What the page asks first, without a token, and then with one.
        assert await client.data(get_introspection_query(), path=path)
        assert await client.data("{ posts { id } }", token(), path=path)


async def test_the_page_needs_no_token_and_no_sql(client: Any, watch: Any) -> None:
    async with watch.nothing_sent():
        assert (await client.get("/graphql", headers=HTML)).status_code == 200
        assert await client.data(get_introspection_query(descriptions=True))


async def test_without_the_page_and_without_introspection(
    blog: Urls, make_tenancy: Any, serve: Any, blog_app: Any, token: Callable[..., str]
) -> None:
    tenancy = make_tenancy(blog, graphql={"ide": False, "introspection": False})
    async with serve(blog_app(tenancy)) as client:
        answer = await client.get("/graphql", headers=HTML)
        assert answer.status_code in (400, 404)
        assert "<html" not in answer.text
        for query in ("{ __schema { types { name } } }", '{ __type(name: "Post") { name } }'):
            answer = await client.graphql(query, token())
            assert answer.json()["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}
            assert not answer.json().get("data")
        assert await client.data("{ posts { __typename id } }", token())

"""The GraphiQL package: its files are the vendored ones, and nothing in the page points outside."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

import pytest

from fraiseql_strawberry.graphql import graphiql

_ASSETS = files(graphiql) / "assets"
_OWN = {"page.css", "page.js"}
_NOTICE = dict(
    re.findall(
        r"^(\S+\.(?:js|css)) .* ([0-9a-f]{64})$", (_ASSETS / "NOTICE").read_text(), re.MULTILINE
    )
)


def _urls(html: bytes) -> list[str]:
    return re.findall(r'(?:src|href|data-endpoint)="([^"]*)"', html.decode())


def _assets_of(html: bytes, base: str) -> list[str]:
    return [url.removeprefix(base) for url in _urls(html) if url.startswith(base)]


@pytest.mark.parametrize("file", _NOTICE)
def test_vendored_files_are_those_of_the_notice(file: str) -> None:
    assert hashlib.sha256((_ASSETS / file).read_bytes()).hexdigest() == _NOTICE[file]


def test_notice_names_every_file() -> None:
    present = {item.name for item in _ASSETS.iterdir() if item.name.endswith((".js", ".css"))}
    assert present - _OWN == set(_NOTICE)


def test_every_asset_of_the_page_is_served_and_every_file_is_used() -> None:
    names = _assets_of(graphiql.page("/graphql", "/static"), "/static/")
    assets = [graphiql.asset(name) for name in names]
    assert len(names) == len(_NOTICE | dict.fromkeys(_OWN))
    for name, found in zip(names, assets, strict=True):
        assert found is not None
        digest = hashlib.sha256(found.content).hexdigest()
        assert digest[:12] in name
        assert found.etag == f'"{digest[:32]}"'
        kind = "javascript" if name.endswith(".js") else "css"
        assert found.media_type == f"text/{kind}; charset=utf-8"


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "NOTICE",
        "page.js",
        "graphiql.min.js",
        "graphiql.min.000000000000.js",
        "../__init__.py",
        "..%2f__init__.py",
        "licences/react.txt",
        "/etc/passwd",
        "page.js\0",
    ],
)
def test_other_names_are_not_served(name: str) -> None:
    assert graphiql.asset(name) is None


def test_page_has_no_inline_script_style_or_handler_and_nothing_from_elsewhere() -> None:
    html = graphiql.page_at("/graphql").decode()
    assert "<title>fraiseql-strawberry</title>" in html
    assert "{{" not in html
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert "<style" not in html
    assert not re.search(r'\s(?:style|on\w+)="', html)
    outside = [url for url in _urls(graphiql.page_at("/graphql")) if not url.startswith("./")]
    assert all(url.startswith("data:image/svg+xml,") for url in outside)
    for file in (_ASSETS / "page.js", _ASSETS / "page.css"):
        assert "//" not in re.sub(r"^\s*//.*$", "", file.read_text("utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("path", "endpoint", "assets"),
    [
        ("/graphql", "./graphql", "./graphql/graphiql/"),
        ("/api/v1/gql", "./gql", "./gql/graphiql/"),
        ("/graphql/", "./", "./graphiql/"),
        ("/", "./", "./graphiql/"),
        ('/a"><script>', "./a%22%3E%3Cscript%3E", "./a%22%3E%3Cscript%3E/graphiql/"),
        ("//evil.example", "./evil.example", "./evil.example/graphiql/"),
        ("/javascript:x", "./javascript%3Ax", "./javascript%3Ax/graphiql/"),
    ],
)
def test_page_at_uses_urls_relative_to_the_last_segment(
    path: str, endpoint: str, assets: str
) -> None:
    html = graphiql.page_at(path)
    assert f'data-endpoint="{endpoint}"'.encode() in html
    assert _assets_of(html, assets)


def test_page_escapes_its_arguments() -> None:
    html = graphiql.page('"><script>x</script>', '"><img>')
    assert b"<script>x" not in html
    assert b"<img>" not in html


def test_policy_is_strict_for_scripts_and_allows_no_other_origin() -> None:
    policy = dict(
        part.split(" ", 1) for part in graphiql.HEADERS["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    sources = {source for value in policy.values() for source in value.split()}
    assert sources == {"'none'", "'self'", "'unsafe-inline'", "data:"}
    assert [name for name, value in policy.items() if "unsafe" in value] == ["style-src-elem"]


def test_page_is_never_cached_and_assets_always() -> None:
    assert graphiql.HEADERS["Cache-Control"] == "no-store"
    assert graphiql.HEADERS["Vary"] == "Accept"
    assert "immutable" in graphiql.ASSET_HEADERS["Cache-Control"]
    assert graphiql.HEADERS["X-Content-Type-Options"] == "nosniff"
    assert graphiql.ASSET_HEADERS["X-Content-Type-Options"] == "nosniff"

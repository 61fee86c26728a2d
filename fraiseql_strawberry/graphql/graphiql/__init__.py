"""GraphiQL, served from this package: works offline, under a strict CSP, and keeps no tokens.

Strawberry's own page loads the same files from a CDN and persists headers. Here the files are in
`assets/` (`assets/NOTICE` lists where each is from), the page and its script are ours, and the
script strips headers from all that GraphiQL stores. This module knows no web framework.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from html import escape
from importlib.resources import files
from typing import NamedTuple
from urllib.parse import quote

__all__ = ["ASSET_HEADERS", "HEADERS", "Asset", "asset", "page", "page_at"]

_MEDIA_TYPES = {
    "explorer.css": "text/css; charset=utf-8",
    "explorer.umd.js": "text/javascript; charset=utf-8",
    "graphiql.min.css": "text/css; charset=utf-8",
    "graphiql.min.js": "text/javascript; charset=utf-8",
    "js.cookie.min.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "react-dom.production.min.js": "text/javascript; charset=utf-8",
    "react.production.min.js": "text/javascript; charset=utf-8",
}

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    # GraphiQL's dialogs add one <style> element, which locks the scrolling of the page below. Style
    # attributes stay forbidden, and no style can send data: images and fonts are local too.
    "style-src-elem": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}

HEADERS: dict[str, str] = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}
"""What goes with the page. Its names of assets change with each version: never cached."""

ASSET_HEADERS: dict[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "public, max-age=31536000, immutable",
}
"""What goes with an asset, besides its `ETag`: the name holds the content's hash (RFC 8246)."""


class Asset(NamedTuple):
    """One file of the page; `etag` is quoted, as the header wants it."""

    content: bytes
    media_type: str
    etag: str


def page(endpoint: str, assets: str) -> bytes:
    """Render the page.

    Args:
        endpoint: URL of the GraphQL endpoint; a relative one counts from the page's own URL.
        assets: URL, without a final slash, below which `asset` is served; may be relative.

    Returns:
        The HTML, to be sent as `text/html` in UTF-8 with `HEADERS`.
    """
    urls = {file: f"{assets}/{name}" for name, (file, _) in _assets().items()}
    values = {"endpoint": endpoint, **urls}
    html = (files(__name__) / "page.html").read_text("utf-8")
    return re.sub(r"\{\{ (\S+) \}\}", lambda match: escape(values[match[1]]), html).encode()


def page_at(path: str) -> bytes:
    """Render the page for an endpoint that serves it at its own path, assets under `graphiql/`.

    All URLs are relative to the last segment, so that any prefix which a mount or a reverse
    proxy adds or removes in front of it does not matter.

    Args:
        path: The endpoint's path as the ASGI scope holds it, such as `/graphql`.
    """
    last = quote(path.rpartition("/")[2], safe="")
    return page(f"./{last}", f"./{last}/graphiql" if last else "./graphiql")


def asset(name: str) -> Asset | None:
    """Find an asset by the name that the page uses, such as `graphiql.min.22faab94067b.js`.

    Names are looked up, never joined to a path. The hash is part of the name, not of a query
    string, so that during a rolling update no server hands out its own version under the other's
    URL, which would then be cached for a year.

    Returns:
        The asset, or None for any other name.
    """
    found = _assets().get(name)
    return found and found[1]


@cache
def _assets() -> dict[str, tuple[str, Asset]]:
    """Name in the URL → file name and asset: 4 MB, read on first use (never with the IDE off)."""
    found: dict[str, tuple[str, Asset]] = {}
    for file, media_type in _MEDIA_TYPES.items():
        content = (files(__name__) / "assets" / file).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        stem, _, suffix = file.rpartition(".")
        name = f"{stem}.{digest[:12]}.{suffix}"
        found[name] = (file, Asset(content, media_type, f'"{digest[:32]}"'))
    return found

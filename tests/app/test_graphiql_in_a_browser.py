"""GraphiQL in headless Chromium: it runs a query, stays on its origin and stores no token.

The page is driven by a script of its own origin, which the strict policy allows, and which hands
its findings to the test server; so no browser driver is needed.
"""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import strawberry

from fraiseql_strawberry.graphql import graphiql

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="no chromium on this machine")

_DRIVE = """
const violations = [];
document.addEventListener("securitypolicyviolation", (e) =>
  violations.push(`${e.effectiveDirective} ${e.blockedURI}`));
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
async function until(check) {
  for (let i = 0; i < 200; i++) { const found = check(); if (found) return found; await wait(50); }
  throw new Error(`gave up on ${check}`);
}
const editors = () => [...document.querySelectorAll(".CodeMirror")].map((e) => e.CodeMirror);
const editor = (text) => editors().find((e) => e.getValue().includes(text));
async function drive() {
  const headers = await until(() => editor('"Authorization": "Bearer "'));
  await until(() => document.querySelector(".graphiql-spinner") === null);
  const query = editor("Ctrl-Enter");
  query.setValue("{ authorization }");
  document.querySelector(".graphiql-execute-button").click();
  const without = (await until(() => editor('"data"'))).getValue();
  headers.setValue('{"Authorization": "Bearer s3cret"}');
  document.querySelector(".graphiql-execute-button").click();
  const answer = (await until(() => editor('Bearer s3cret"\\n'))).getValue();
  document.querySelector('[aria-label="Open settings dialog"]').click();
  await until(() => document.querySelector("[role=dialog]"));
  await wait(800);  // tabs are stored half a second after a change
  return {
    answer, without, violations,
    title: document.title,
    stored: { ...localStorage, ...sessionStorage },
    cookie: document.cookie,
    requests: performance.getEntriesByType("resource").map((entry) => entry.name),
  };
}
addEventListener("load", () => drive().catch((error) => ({ error: String(error), violations }))
  .then((found) => fetch("/found", { method: "POST", body: JSON.stringify(found) })));
"""


@strawberry.type
class Query:
    """![a picture from elsewhere](https://elsewhere.example/x.png)"""

    @strawberry.field
    def authorization(self, info: strawberry.Info[str | None]) -> str:
        return info.context or "none"


_SCHEMA = strawberry.Schema(Query)


class _Handler(BaseHTTPRequestHandler):
    found: queue.Queue[dict[str, Any]]

    def do_GET(self) -> None:
        if self.path == "/graphql":
            html = graphiql.page_at(self.path)
            script = b'<script src="/drive.js"></script><link rel="stylesheet"'
            html = html.replace(b'<link rel="stylesheet"', script, 1)
            self._send(html, "text/html; charset=utf-8", graphiql.HEADERS)
        elif self.path == "/drive.js":
            self._send(_DRIVE.encode(), "text/javascript", {})
        elif found := graphiql.asset(self.path.removeprefix("/graphql/graphiql/")):
            self._send(found.content, found.media_type, graphiql.ASSET_HEADERS)
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/found":
            self.found.put(body)
            self._send(b"", "text/plain", {})
            return
        result = _SCHEMA.execute_sync(
            body["query"], context_value=self.headers.get("Authorization")
        )
        answer = {"data": result.data, "errors": [str(error) for error in result.errors or ()]}
        self._send(json.dumps(answer).encode(), "application/json", {})

    def _send(self, content: bytes, media_type: str, headers: dict[str, str]) -> None:
        self.send_response(200)
        length = str(len(content))
        for name, value in {
            "Content-Type": media_type,
            "Content-Length": length,
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Keep the test's output quiet."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Run the page once in Chromium and give what the driving script saw."""
    profile: Path = tmp_path_factory.mktemp("chromium")
    results: queue.Queue[dict[str, Any]] = queue.Queue()
    handler = type("Handler", (_Handler,), {"found": results})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [
            _CHROMIUM or "",
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--remote-debugging-port=0",  # keeps a headless Chromium alive after the page loaded
            f"--user-data-dir={profile}",
            f"http://127.0.0.1:{server.server_port}/graphql",
        ]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, stdout=quiet, stderr=quiet) as browser:
            try:
                yield results.get(timeout=60)
            finally:
                browser.terminate()
                server.shutdown()


def test_a_query_runs_with_the_header_that_was_typed(found: dict[str, Any]) -> None:
    assert found.get("error") is None
    assert found["title"] == "fraiseql-strawberry"
    assert json.loads(found["answer"])["data"] == {"authorization": "Bearer s3cret"}


def test_the_header_without_a_token_is_not_sent(found: dict[str, Any]) -> None:
    assert json.loads(found["without"])["data"] == {"authorization": "none"}


def test_the_query_is_stored_and_the_token_is_not(found: dict[str, Any]) -> None:
    stored = json.dumps(found["stored"])
    assert "{ authorization }" in stored
    assert "queries" in stored
    assert "tabState" in stored
    assert "s3cret" not in stored
    assert "s3cret" not in found["cookie"]


def test_the_policy_was_never_violated(found: dict[str, Any]) -> None:
    assert found["violations"] == []


def test_nothing_was_requested_from_elsewhere(found: dict[str, Any]) -> None:
    assert found["requests"]
    assert [url for url in found["requests"] if not url.startswith("http://127.0.0.1:")] == []

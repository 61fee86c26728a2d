"""graphql-http's audits of the specification "GraphQL over HTTP", against the blog, in both lanes.

Where an audit fails, a MUST is an "error", a SHOULD a "warn" and a MAY a "notice".
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.service import Client

_NODE, _NPM = shutil.which("node"), shutil.which("npm")
_PACKAGES = ("graphql-http@1.23.1", "graphql@16.11.0")
_AUDITS = Path(__file__).with_name("graphql_http_audits.mjs")

pytestmark = pytest.mark.skipif(_NODE is None or _NPM is None, reason="no node on this machine")


@pytest.fixture(scope="module")
def audits(request: pytest.FixtureRequest) -> Path:
    """The script, beside the packages that it needs; they are fetched once."""
    folder = request.config.cache.mkdir("graphql-http")  # type: ignore[union-attr]
    if not (folder / "node_modules" / "graphql-http").is_dir():
        install = [_NPM, "install", "--no-audit", "--no-fund", "--ignore-scripts", *_PACKAGES]
        done = subprocess.run(
            install, cwd=folder, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            pytest.skip(f"npm does not install graphql-http: {done.stderr[-300:]}")
    return Path(shutil.copy(_AUDITS, folder))


async def test_every_must_should_and_may(
    client: Client, token: Callable[..., str], audits: Path
) -> None:
    assert _NODE is not None
    process = await asyncio.create_subprocess_exec(
        _NODE,
        str(audits),
        f"{client.url}/graphql",
        token(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    results: list[dict[str, Any]] = json.loads(out)
    assert len(results) > 50
    assert [result for result in results if result["status"] != "ok"] == []

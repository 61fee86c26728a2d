"""schemathesis finds nothing in the example: over OpenAPI and GraphQL, with a token, on a socket.

It is not among the dependencies of the tests, of which it has many: `pip install schemathesis`.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.app.demo import Demo

PROGRAM = Path(sysconfig.get_path("scripts")) / "schemathesis"
pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="schemathesis is not installed")

# GraphQL's own rules decide on its status and media types (tests/app, graphql-http's audits); what
# operators scrape is no JSON.
REST = ("--exclude-path", "/graphql", "--exclude-path", "/metrics")
# Its errors are answered within a 200: only those of the server's own count. A tenant is a schema
# or a database, which no one makes by the hundred, and the token may not.
GRAPHQL = ("--checks", "not_a_server_error", "--exclude-name", "Mutation.provisionTenant")


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A folder that PostgreSQL's own user can enter, which pytest's tmp_path is not for root."""
    folder = Path(tempfile.mkdtemp(prefix="demo-"))
    folder.chmod(0o711)
    yield folder / "data"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
async def demo(data_dir: Path) -> AsyncIterator[Demo]:
    demo = await Demo.start(data_dir)
    yield demo
    await demo.stop()


@pytest.mark.parametrize(
    ("path", "options"), [("/openapi.json", REST), ("/graphql", GRAPHQL)], ids=["rest", "graphql"]
)
async def test_schemathesis_finds_nothing(
    demo: Demo, path: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "run", f"{demo.url}{path}", "-H", f"Authorization: Bearer {demo.tokens[0]}"),
        *("--max-examples", "40", "--seed", "1", *options),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    assert "Tested: " in said.decode()

"""Every code block of the README and the documentation runs, so that none can rot."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_RUNNER = Path(__file__).with_name("page.py")
_PAGES = [*sorted(_ROOT.glob("*.md")), *sorted((_ROOT / "docs").rglob("*.md"))]
_SECONDS = 300


def run_pages(
    pages: list[Path], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run pages in a process of their own, in a folder of their own."""
    return subprocess.run(
        [sys.executable, "-W", "error:::docs_page", str(_RUNNER), *map(str, pages)],
        cwd=folder,
        env={
            **{name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(_ROOT),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


@pytest.mark.parametrize(
    "page",
    [page for page in _PAGES if re.search(r"^ *(```|~~~)", page.read_text("utf-8"), re.MULTILINE)],
    ids=lambda page: str(page.relative_to(_ROOT)),
)
def test_every_block_of_the_page_runs(
    page: Path, tmp_path: Path, docs_environment: dict[str, str]
) -> None:
    done = run_pages([page], tmp_path, docs_environment)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_what_the_page_links_to_exists(page: Path) -> None:
    """The strict build looks neither at images nor at the pages outside docs/."""
    code = r"^ *(```|~~~).*?^ *\1[`~]*$|`[^`\n]+`"
    text = re.sub(code, "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\((?![a-z]+:|#)([^)\s#]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


GOOD = """
```python
import asyncio
answer = await asyncio.sleep(0, 42)
```
```python
# file: pkg/shape.py
corners = 4
```
=== "a tab"

    ```python
    from pkg.shape import corners
    assert corners + answer == 46
    ```
```python
# file: pkg/shape.py
corners = 5
```
```python
import pkg.shape
assert pkg.shape.corners == 5
```
<!-- raises: LookupError -->

```python
{}["missing"]
```
<!-- run: corners = 5 -->
```bash
cat pkg/shape.py
```
<!-- run: two -->
```console
$ echo one | tr o t
tne
$ echo two
two
```
<!-- not run: it would install packages -->
```bash
exit 1
```
```json
{"data": null}
```
```graphql
{ posts { id } }
```
"""

BAD = {
    "a Python error": ("```python\n1 / 0\n```", "ZeroDivisionError"),
    "an awaited error": (
        "```python\nasync def f():\n    assert 0, 'x1'\nawait f()\n```",
        "AssertionError: x1",
    ),
    "Python syntax": ("```python\nif\n```", "SyntaxError"),
    "a warning": ("```python\nimport warnings\nwarnings.warn('w')\n```", "UserWarning: w"),
    "a file": ("```python\n# file: a.py\n1 / 0\n```", "ZeroDivisionError"),
    "nothing raised": ("<!-- raises: KeyError -->\n```python\n1\n```", "should raise KeyError"),
    "another raised": ("<!-- raises: KeyError -->\n```python\n1 / 0\n```", "ZeroDivisionError"),
    "an exit": ("```python\nraise SystemExit(0)\n```", "this block failed"),
    "an unknown key": ('```toml\n[multitenancy]\nstrateggy = "row"\n```', "strategy"),
    "broken TOML": ("```toml\n[multitenancy\n```", "ConfigError"),
    "a failing command": ("<!-- run -->\n```bash\nfalse\ntrue\n```", "code 1"),
    "other output": ("<!-- run: yes -->\n```bash\necho no\n```", "without 'yes'"),
    "an unmarked command": ("```bash\ntrue\n```", "put <!-- run -->"),
    "a reason left out": ("<!-- not run -->\n```bash\ntrue\n```", "put <!-- run -->"),
    "a marker too far": ("<!-- run -->\ntext\n```bash\ntrue\n```", "put <!-- run -->"),
    "broken JSON": ("```json\n{\n```", "JSONDecodeError"),
    "broken GraphQL": ("```graphql\n{\n```", "GraphQLSyntaxError"),
    "no language": ("```\ntrue\n```", "name the block's language"),
    "another language": ("```pyhton\ntrue\n```", "name the block's language"),
    "no end": ("```python\n1", "never closed"),
}


def test_a_good_page_passes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(GOOD)
    done = run_pages([page], tmp_path, {})
    assert (done.returncode, done.stdout) == (0, "")


@pytest.fixture(scope="module")
def bad_pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What was said about each bad page, all run in one process."""
    folder = tmp_path_factory.mktemp("bad")
    pages = {fault: folder / f"{number}.md" for number, fault in enumerate(BAD)}
    for fault, page in pages.items():
        page.write_text(f"```python\nfine = 1\n```\n\n{BAD[fault][0]}\n")
    done = run_pages([*pages.values()], folder, {})
    assert done.returncode == 1
    header = rf"^{folder}/(\d+)\.md:\d+: "
    said = re.split(header, done.stdout, flags=re.MULTILINE)[1:]
    numbered = {int(number): text for number, text in zip(said[::2], said[1::2], strict=True)}
    return {fault: numbered[number] for number, fault in enumerate(BAD) if number in numbered}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_block_fails(fault: str, bad_pages: dict[str, str]) -> None:
    assert BAD[fault][1] in bad_pages[fault]


def test_sql_runs_and_is_rolled_back_unless_it_is_kept(
    tmp_path: Path, docs_environment: dict[str, str]
) -> None:
    count = "```python\nassert await count() == {}\n```\n"
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nimport os\nimport asyncpg\n"
        "async def count():\n"
        "    admin = await asyncpg.connect(os.environ['ADMIN_DATABASE_URL'])\n"
        "    try:\n"
        '        return await admin.fetchval("SELECT count(*) FROM pg_class'
        " WHERE relname IN ('docs_a', 'docs_b')\")\n"
        "    finally:\n"
        "        await admin.close()\n```\n"
        "```sql\nCREATE TABLE public.docs_a ();\n```\n"
        "```sql\nSELECT FROM public.docs_a;\n```\n" + count.format(0) + "<!-- keep -->\n"
        "```sql\nCREATE TABLE public.docs_a ();\n```\n"
        "```sql\nCREATE TABLE public.docs_b ();\n```\n" + count.format(1)
    )
    done = run_pages([page], tmp_path, docs_environment)
    assert (done.returncode, done.stdout) == (0, "")
    page.write_text("```sql\nSELECT nothing;\n```\n")
    done = run_pages([page], tmp_path, docs_environment)
    assert done.returncode == 1
    assert "UndefinedColumnError" in done.stdout

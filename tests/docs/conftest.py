"""What the documentation's code blocks see of the world: a blog of their own, in the environment.

`admin_url` is in `tests/conftest.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from example_app.database import Urls, clone, drop, template


@pytest.fixture(scope="session")
async def _template(admin_url: str) -> Urls:
    return await template(admin_url)


@pytest.fixture
async def docs_environment(_template: Urls) -> AsyncIterator[dict[str, str]]:
    """The environment variables of one page, which may do to its database what it likes."""
    urls = await clone(_template, f"docs_{uuid4().hex}")
    yield {
        "DATABASE_URL": urls.app_url,
        "ADMIN_DATABASE_URL": urls.admin_url,
        "MIGRATOR_DATABASE_URL": urls.migrator_url,
        "REGISTRY_DATABASE_URL": urls.app_url,
        "LISTEN_URL": urls.app_url,
        "JWT_SECRET": "only-for-the-code-blocks-of-the-documentation",
        "OLD_JWT_SECRET": "the-secret-before-it-for-pages-about-rotation",
    }
    await drop(urls)

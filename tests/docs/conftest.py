"""What the documentation's code blocks see of the world: a blog of their own, in the environment.

`fresh_blog` is in `tests/conftest.py`.
"""

from __future__ import annotations

import pytest

from example_app.database import Urls


@pytest.fixture
def docs_environment(fresh_blog: Urls) -> dict[str, str]:
    """The environment variables of one page, which may do to its database what it likes."""
    return {
        "DATABASE_URL": fresh_blog.app_url,
        "ADMIN_DATABASE_URL": fresh_blog.admin_url,
        "MIGRATOR_DATABASE_URL": fresh_blog.migrator_url,
        "REGISTRY_DATABASE_URL": fresh_blog.app_url,
        "LISTEN_URL": fresh_blog.app_url,
        "JWT_SECRET": "only-for-the-code-blocks-of-the-documentation",
        "OLD_JWT_SECRET": "the-secret-before-it-for-pages-about-rotation",
    }

"""For the tests of an application: a served app, a client, two tenants, and one big assertion.

Needs the extra `testing`. Its pytest plugin brings the fixtures of `plugin.py`; they work under
pytest-asyncio and anyio alike, since the app runs in a thread of its own.
"""

from __future__ import annotations

from .client import GraphQLFailed, TestClient
from .isolated import assert_isolated
from .server import ServedApp
from .tokens import every_scope, token_for

__all__ = [
    "GraphQLFailed",
    "ServedApp",
    "TestClient",
    "assert_isolated",
    "every_scope",
    "token_for",
]

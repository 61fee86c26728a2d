from __future__ import annotations

import pytest

from fraiseql_strawberry.config import parse_config
from fraiseql_strawberry.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('[multitenancy]\nstrategi = "row"', 3, 'no key "strategi". Did you mean "strategy"?'),
        ('[multitenancy]\ntenant-header = "X"', 3, 'Did you mean "tenant_header"?'),
        ('[multitenancy]\ntenantHeader = "X"', 3, 'Did you mean "tenant_header"?'),
        ("[graphql]\nmax_token = 5", 3, 'Did you mean "max_tokens"?'),
        ('[auth]\nsecert = "x"', 3, 'Did you mean "secret"?'),
        ("[multitenancy.routing]\nrefresh = 5", 3, '"refresh". Did you mean "refresh_seconds"?'),
        ("[multitenacy]\nenabled = true", 2, '"multitenacy". Did you mean "multitenancy"?'),
        ("[routing]\nmax_connections = 5", 2, "It belongs in [multitenancy]"),
        ('strategy = "row"', 2, "It belongs in [multitenancy]"),
        ("[server]\npool_size = 5", 3, "It belongs in [database]"),
        ("[database]\nmax_connections = 5", 3, "It belongs in [multitenancy.routing]"),
        ("[project]\nzzz = 5", 3, "The names are name"),
        ("[zzz]", 2, "The names are project, database, server, auth, multitenancy, graphql"),
        ('[server]\nsecret = "x"', 3, 'no key "secret". A secret belongs in [auth] secret, as'),
        ('[server]\njwt_secret = "x"', 3, "A secret belongs in [auth] secret"),
        ('JWT_SECRET = "x"', 2, "A secret belongs in [auth] secret"),
        ('[project]\napi-key = "x"', 3, "A secret belongs in [auth] secret"),
        ('[database]\npassword = "x"', 3, "A password belongs in [database] url, as"),
        ('[multitenancy]\ndbPassword = "x"', 3, "A password belongs in [database] url"),
        ('DATABASE_URL = "x"', 2, "A password belongs in [database] url"),
        ('"a\\nb" = 1', 2, 'key "a?b"'),
        (f"{'k' * 99} = 1", 2, f'key "{"k" * 60}…"'),
    ],
)
def test_an_unknown_key_leads_to_the_right_one(text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(f"\n{text}\n", env={})
    assert says in str(caught.value)
    assert caught.value.line == line

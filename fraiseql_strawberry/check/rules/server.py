"""S: the server, its timeouts, who may connect, and what stands in front of it."""

from __future__ import annotations

from collections.abc import Iterator

from ...sql.catalog import quoted
from ..facts import Facts
from ..finding import Found, Severity, rule

__all__ = ["S01", "S02", "S03"]

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING

# The first minor version of each major one in which row-level security has no hole that is known:
# CVE-2023-39418 (MERGE), CVE-2024-10976 (policies of a reused plan), CVE-2025-8713 (statistics).
_SOUND = {15: 15_0014, 16: 16_0010, 17: 17_0006}
_OLDEST = 15


@rule(
    "S01",
    _WARNING,
    "no statement, lock or idle-in-transaction timeout",
    why="A statement whose client has gone, a lock queue or a forgotten transaction holds a "
    "connection for ever.",
)
def S01(facts: Facts) -> Iterator[Found]:  # noqa: N802 - a rule is called by its number
    """Timeouts of the application role."""
    server = facts.server
    if not server.asks:
        return
    missing = {
        "statement_timeout": ("10s", server.statement_timeout),
        "lock_timeout": ("3s", server.lock_timeout),
        "idle_in_transaction_session_timeout": ("15s", server.idle_timeout),
    }
    for name, (wanted, value) in missing.items():
        if value == "0":
            where = f"{quoted(server.role)} IN DATABASE {quoted(server.database)}"
            fix = f"ALTER ROLE {where} SET {name} = '{wanted}';"
            yield Found(server.role, f"{name} is off", fix)


@rule(
    "S02",
    _WARNING,
    "everybody may connect to the database",
    why="A new database lets every role of the server in: another tenant's, another service's.",
)
def S02(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """CONNECT for PUBLIC."""
    database = facts.server.database
    if facts.server.public_may_connect:
        role = quoted(facts.server.role)
        fix = (
            f"REVOKE ALL ON DATABASE {quoted(database)} FROM PUBLIC;\n"
            f"GRANT CONNECT ON DATABASE {quoted(database)} TO {role};"
        )
        yield Found(database, "PUBLIC may connect", fix)


@rule(
    "S03",
    _WARNING,
    "a server with known holes in row-level security, or a pooler that nobody declared",
    why="Some minor versions show rows that policies hide; a pooler shares connections, with all "
    "that a session leaves on them.",
)
def S03(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """The minor version, and an undeclared pooler."""
    server = facts.server
    major = server.version // 10_000
    if major < _OLDEST:
        said = f"PostgreSQL {server.version_text} has no security_invoker"
        yield Found("server", said, "-- PostgreSQL 15 or newer is needed", _ERROR)
    elif server.version < _SOUND.get(major, 0):
        minor = _SOUND[major] % 10_000
        said = f"PostgreSQL {server.version_text} has holes that {major}.{minor} mends"
        yield Found("server", said, f"-- update the server to {major}.{minor} or newer")
    if facts.behind_pooler:
        said = 'there is a pooler in between, and [database] pooler is "none"'
        yield Found("pooler", said, '-- [database] pooler = "transaction"', _ERROR)

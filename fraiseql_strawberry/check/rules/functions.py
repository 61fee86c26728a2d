"""F: functions that run with other rights than the caller's."""

from __future__ import annotations

from collections.abc import Iterator

from ...sql.catalog import quoted
from ...sql.golden import HELPER
from ..facts import Facts
from ..finding import Found, Severity, rule

__all__ = ["F01", "F02"]

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING


@rule(
    "F01",
    _WARNING,
    "a SECURITY DEFINER function that the application can call",
    why="It runs as its owner, past the caller's policies; without a pinned search_path the "
    "caller also chooses which tables it means.",
)
def F01(facts: Facts) -> Iterator[Found]:  # noqa: N802 - a rule is called by its number
    """SECURITY DEFINER: an error without a pinned `search_path`, else to be reviewed."""
    role = quoted(facts.server.role)
    for function in facts.functions:
        if not function.definer or not function.executable:
            continue
        if facts.sealed_as is not None and function.signature == HELPER:
            continue  # K02 looks at it
        if not function.pinned:
            yield Found(
                function.signature,
                f"runs as {function.owner}, and its search_path is the caller's",
                f"ALTER FUNCTION {function.signature} SET search_path = pg_catalog, "
                f"{quoted(function.schema)}, pg_temp;",
                _ERROR,
            )
        elif not function.is_trigger:
            yield Found(
                function.signature,
                f"runs as {function.owner}: review it, then ignore this finding with a reason",
                f"REVOKE EXECUTE ON FUNCTION {function.signature} FROM PUBLIC, {role};",
            )


@rule(
    "F02",
    _WARNING,
    "a function of one's own that is called LEAKPROOF",
    why="PostgreSQL runs it before the policies: an error message of it may quote other tenants' "
    "rows.",
)
def F02(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """LEAKPROOF."""
    for function in facts.functions:
        if function.leakproof:
            fix = f"ALTER FUNCTION {function.signature} NOT LEAKPROOF;"
            yield Found(function.signature, "is called leakproof", fix)

"""V: views over tenant tables."""

from __future__ import annotations

from collections.abc import Iterator

from ...sql.catalog import quoted
from ..facts import Facts, Relation
from ..finding import Found, Severity, rule

__all__ = ["V01", "V02", "V03", "V04"]

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING
_ROW = ("row",)


@rule(
    "V01",
    _ERROR,
    "a view that reads tenant tables as its owner",
    why="Without security_invoker the policies are those of the view's owner. CREATE OR REPLACE "
    "VIEW drops the option silently.",
    only=_ROW,
    at_startup=True,
)
def V01(facts: Facts) -> Iterator[Found]:  # noqa: N802 - a rule is called by its number
    """Views without `security_invoker`."""
    for view in _views(facts):
        if view.used and not view.invoker and facts.leads_to_tenants(view.oid):
            yield Found(view.label, f"reads its tables as {view.owner}", _invoker(view))


@rule(
    "V02",
    _ERROR,
    "a materialised view of tenants' rows that the application can read",
    why="A materialised view cannot have policies: it shows the rows of all tenants.",
    only=_ROW,
    at_startup=True,
)
def V02(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """Materialised views."""
    role = quoted(facts.server.role)
    for view in facts.relations.values():
        if view.kind != "m" or not view.used:
            continue
        if facts.tenant_column in view.columns or facts.leads_to_tenants(view.oid):
            fix = f"REVOKE ALL ON {view.sql} FROM PUBLIC, {role};"
            yield Found(view.label, "no policy can stand on it", fix)


@rule(
    "V03",
    _ERROR,
    "a view over a view that reads tenant tables as its owner",
    why="security_invoker does not reach through a view that lacks it.",
    only=_ROW,
    at_startup=True,
)
def V03(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """Invoker views over definer views; the application need not reach the inner one."""
    for view in _views(facts):
        if not view.used:
            continue
        for below in facts.reads.get(view.oid, ()):
            inner = facts.relations.get(below)
            if (
                inner is not None
                and inner.kind == "v"
                and not inner.invoker
                and view.invoker
                and facts.leads_to_tenants(inner.oid)
            ):
                yield Found(
                    view.label,
                    f"reads {inner.label}, which reads its tables as {inner.owner}",
                    _invoker(inner),
                )


@rule(
    "V04",
    _WARNING,
    "security_barrier on a plain view over tenant tables",
    why="The policies are the barrier already; the option keeps LIMIT and the order of an index "
    "from reaching the table (109 ms against 0.035).",
    only=_ROW,
)
def V04(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """`security_barrier` where policies are."""
    for view in _views(facts):
        if view.barrier and facts.leads_to_tenants(view.oid):
            fix = f"ALTER VIEW {view.sql} RESET (security_barrier);"
            yield Found(view.label, "has security_barrier", fix)


def _views(facts: Facts) -> Iterator[Relation]:
    return (relation for relation in facts.relations.values() if relation.kind == "v")


def _invoker(view: Relation) -> str:
    return f"ALTER VIEW {view.sql} SET (security_invoker = true);"

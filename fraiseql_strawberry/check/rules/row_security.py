"""T: row-level security of tenant tables, and the policies that let tenants in."""

from __future__ import annotations

from collections.abc import Iterator

from ...sql import golden
from ...sql.catalog import quoted
from ..facts import Facts, Policy, Relation
from ..finding import Found, Severity, rule
from ..policy import bare, bound

__all__ = ["T01", "T02", "T03", "T04", "T05", "T06", "T11"]

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_ROW = ("row",)


@rule(
    "T01",
    _ERROR,
    "a tenant table without row-level security",
    why="Every query sees every tenant's rows, even where policies exist.",
    only=_ROW,
    at_startup=True,
)
def T01(facts: Facts) -> Iterator[Found]:  # noqa: N802 - a rule is called by its number
    """RLS is not enabled."""
    for table in facts.tenant_tables:
        if not table.rls and not table.partition:
            fix = f"{golden.enable_row_security(table.sql)[0]};"
            yield Found(table.label, "row-level security is not enabled", fix)


@rule(
    "T02",
    _WARNING,
    "a tenant table whose owner is not held by its policies",
    why="Views and functions that run as the owner see every row; so does the application, "
    "where it is the owner.",
    only=_ROW,
    at_startup=True,
)
def T02(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """RLS is not forced."""
    for table in facts.tenant_tables:
        if table.rls and not table.forced:
            fix = f"{golden.enable_row_security(table.sql)[1]};"
            who = "the application role owns it" if table.owned else f"{table.owner} owns it"
            severity = _ERROR if table.owned else None
            yield Found(table.label, f"row-level security is not forced, and {who}", fix, severity)


@rule(
    "T03",
    _INFO,
    "row-level security without a policy",
    why="Nobody sees anything: it is safe, and probably not what was meant.",
    only=_ROW,
)
def T03(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """No policy applies."""
    for table in facts.tenant_tables:
        if table.rls and not facts.policies.get(table.oid) and not table.partition:
            yield Found(table.label, "no policy lets anybody in", _access(facts, table))


@rule(
    "T04",
    _ERROR,
    "a policy that is not bound to the tenant",
    why="Permissive policies are OR-ed: one that lets everybody in, lets everybody in. A check "
    "that is not bound lets a tenant plant rows in another.",
    only=_ROW,
    at_startup=True,
)
def T04(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """USING or WITH CHECK without the tenant."""
    for table in facts.tenant_tables:
        policies = facts.policies.get(table.oid, ())
        if not table.rls:
            continue
        for policy in policies:
            if not policy.permissive:
                continue
            for part, text in _parts(policy):
                if bound(text, facts) or _fenced(policies, policy.command, part, facts):
                    continue
                yield Found(
                    table.label,
                    f"policy {policy.name}: {part} ({text}) is not bound to the tenant",
                    f"{golden.drop_policy(table.sql, policy.name)};\n{_access(facts, table)}",
                )


@rule(
    "T05",
    _WARNING,
    "no restrictive fence beside the permissive policy",
    why="The day somebody adds a second permissive policy with USING (true), everybody sees "
    "all rows. A restrictive one is AND-ed to whatever there is.",
    only=_ROW,
)
def T05(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """No RESTRICTIVE policy."""
    for table in facts.tenant_tables:
        policies = facts.policies.get(table.oid, ())
        if table.rls and policies and not any(not p.permissive for p in policies):
            fix = _policy(facts, table, "tenant_fence", permissive=False)
            yield Found(table.label, "has no restrictive policy", fix)


@rule(
    "T06",
    _WARNING,
    "a policy that fails, or is evaluated for each row",
    why="The bare current_setting raises an error where there is no tenant, and is evaluated "
    "once per row: 50 ms against 6.8 on a scan of 100,000 rows.",
    only=_ROW,
)
def T06(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """Bare `current_setting`, or no InitPlan."""
    for table in facts.tenant_tables:
        for policy in facts.policies.get(table.oid, ()):
            texts = [text for text in (policy.qual, policy.with_check) if text]
            if any(bare(text, facts) for text in texts):
                made = _policy(facts, table, policy.name, permissive=policy.permissive)
                fix = f"{golden.drop_policy(table.sql, policy.name)};\n{made}"
                yield Found(table.label, f"policy {policy.name} is in the bare form", fix)


@rule(
    "T11",
    _ERROR,
    "a readable partition without row-level security",
    why="A query of the partition itself ignores its parent's policies.",
    only=_ROW,
    at_startup=True,
)
def T11(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """Partition children without RLS that the application can reach."""
    role = quoted(facts.server.role)
    for table in facts.tenant_tables:
        if table.oid in facts.parents and not table.rls:
            fix = f"REVOKE ALL ON {table.sql} FROM PUBLIC, {role};"
            yield Found(table.label, "can be read past its parent's policies", fix)


def _parts(policy: Policy) -> Iterator[tuple[str, str | None]]:
    """What a permissive policy must bind: whom it shows rows, and what it lets be written."""
    if policy.command != "a":
        yield "USING", policy.qual
    if policy.command in ("*", "a", "w") and (policy.with_check or policy.command == "a"):
        yield "WITH CHECK", policy.with_check  # absent, USING is taken for it


def _fenced(policies: tuple[Policy, ...], command: str, part: str, facts: Facts) -> bool:
    """Whether a restrictive policy binds the same command all the same."""
    for policy in policies:
        if policy.permissive or policy.command not in ("*", command):
            continue
        text = policy.qual if part == "USING" else policy.with_check or policy.qual
        if bound(text, facts):
            return True
    return False


def _access(facts: Facts, table: Relation) -> str:
    return _policy(facts, table, "tenant_access")


def _policy(facts: Facts, table: Relation, name: str, *, permissive: bool = True) -> str:
    made = golden.create_policy(
        table.sql,
        name,
        permissive=permissive,
        column=facts.tenant_column,
        inlined=facts.server.citus,
    )
    return f"{made};"

"""K: the keys and the helper of sealed mode."""

from __future__ import annotations

from collections.abc import Iterator

from ...sql import golden, sealed
from ...sql.catalog import quoted
from ..facts import Facts, Function
from ..finding import Found, Severity, rule

__all__ = ["K01", "K02"]

_ERROR = Severity.ERROR
_PATH = "pg_catalog, pg_temp"


@rule(
    "K01",
    _ERROR,
    "keys of seals that the application can read or write",
    why="Who has the key can seal any tenant, and so can SQL that was injected into a resolver.",
    only=("row",),
    at_startup=True,
)
def K01(facts: Facts) -> Iterator[Found]:  # noqa: N802 - a rule is called by its number
    """The key table is the application's."""
    if facts.sealed_as is None:
        return
    role = quoted(facts.server.role)
    for table in facts.relations.values():
        if table.label != sealed.SEAL_KEYS or not (table.may_select or table.may_write):
            continue
        fix = f"REVOKE ALL ON {table.sql} FROM PUBLIC, {role};"
        if table.owned:
            fix = f"ALTER TABLE {table.sql} OWNER TO CURRENT_USER;\n{fix}"
        yield Found(table.label, f"{facts.server.role} can read or write it", fix)


@rule(
    "K02",
    _ERROR,
    "a helper that believes a tenant without a seal",
    why='With [multitenancy] setting = "sealed" the service brings seals: a helper that does not '
    "verify them shows nothing, or believes whatever injected SQL says.",
    only=("row",),
    at_startup=True,
)
def K02(facts: Facts) -> Iterator[Found]:  # noqa: N802
    """`fraiseql.current_tenant_id()` is not the one of sealed mode."""
    if facts.sealed_as is None:
        return
    helper = next((one for one in facts.functions if one.signature == golden.HELPER), None)
    for problem in _problems(facts, helper, facts.sealed_as):
        yield Found(golden.HELPER, problem, _fix(facts, helper, facts.sealed_as))
        return  # one fix mends it all


def _problems(facts: Facts, helper: Function | None, id_type: str) -> Iterator[str]:
    if helper is None:
        yield "is not there"
        return
    if helper.source != sealed.helper_body(id_type):
        yield "does not verify seals as this version does"
    if not helper.definer:
        yield "runs as its caller, who cannot read the keys"
    if helper.search_path != _PATH:
        yield f"its search_path is not {_PATH}"
    if helper.owner == facts.server.role:
        yield f"belongs to {helper.owner}, who could replace it"
    if not any(one.label == sealed.SEAL_KEYS for one in facts.relations.values()):
        yield f"there is no table {sealed.SEAL_KEYS}"


def _fix(facts: Facts, helper: Function | None, id_type: str) -> str:
    owned = helper is not None and helper.owner == facts.server.role
    owner = "CURRENT_USER" if helper is None or owned else helper.owner
    statements = [
        *sealed.create_seal_keys(if_missing=True),
        sealed.create_sealed_helper(id_type, replace=True),
        golden.hand_over("TABLE", sealed.SEAL_KEYS, owner),
        golden.hand_over("FUNCTION", golden.HELPER, owner),
        f"REVOKE EXECUTE ON FUNCTION {golden.HELPER} FROM PUBLIC",
        golden.grant_access("FUNCTION", golden.HELPER, facts.server.role),
    ]
    return ";\n".join(statements) + ";"

"""The SQL of sealed mode: a helper that believes a tenant only under a seal, and its keys.

Why each line is there stands in docs/explanation/sealed-mode.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from ..config import SEAL_SETTING
from .golden import CONTROL_SCHEMA, HELPER

__all__ = [
    "SEAL_KEYS",
    "create_seal_keys",
    "create_sealed_helper",
    "drop_seal_keys",
    "helper_body",
]

SEAL_KEYS = f"{CONTROL_SCHEMA}.seal_keys"

# HMAC's two blocks rather than the key (RFC 2104): PostgreSQL's core has sha256 and no HMAC.
_COLUMNS = """
  id text PRIMARY KEY,
  inner_pad bytea NOT NULL,
  outer_pad bytea NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now(),
  retires_at timestamptz
"""

_HELPER = resources.files("fraiseql_strawberry.sql").joinpath("sealed.sql").read_text("utf-8")


def create_seal_keys(*, if_missing: bool = False) -> Sequence[str]:
    """The table of keys, which nobody may read but its owner: the owner of the helper.

    Args:
        if_missing: Leave one that is there as it is.
    """
    create = "CREATE TABLE IF NOT EXISTS" if if_missing else "CREATE TABLE"
    return (
        f"{create} {SEAL_KEYS} ({_COLUMNS})",
        f"REVOKE ALL ON {SEAL_KEYS} FROM PUBLIC",
    )


def drop_seal_keys() -> str:
    """The way back."""
    return f"DROP TABLE {SEAL_KEYS}"


def create_sealed_helper(id_type: str = "uuid", *, replace: bool = False) -> str:
    """The function that gives the transaction's tenant where it is sealed, or NULL.

    Args:
        id_type: The type of tenant columns, in SQL.
        replace: Whether there may be one already; its owner and privileges stay.
    """
    text = _HELPER.format(
        create="CREATE OR REPLACE FUNCTION" if replace else "CREATE FUNCTION",
        helper=HELPER,
        id_type=id_type,
        setting=SEAL_SETTING,
        keys=SEAL_KEYS,
    )
    return text.rstrip().rstrip(";")


def helper_body(id_type: str = "uuid") -> str:
    """What PostgreSQL keeps of it as its source (`pg_proc.prosrc`)."""
    return create_sealed_helper(id_type).split("$$")[1]

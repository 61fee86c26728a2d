"""Reads the text of a policy. It is only a hint: `prove` attacks, and is authoritative."""

from __future__ import annotations

import re

from .facts import Facts

__all__ = ["bare", "bound"]

_OR = re.compile(r"\bOR\b", re.IGNORECASE)
_STRING = re.compile(r"'(?:[^']|'')*'")


def bound(text: str | None, facts: Facts) -> bool:
    """Whether an expression holds only for the tenant of the transaction, as far as text tells.

    Args:
        text: What `pg_get_expr` gave; None for a policy without it.
        facts: Which column and setting name the tenant, and which functions read the setting.
    """
    if text is None or not _mentions(text, facts):
        return False
    without_strings = _STRING.sub("''", text)
    return _OR.search(without_strings) is None


def bare(text: str, facts: Facts) -> bool:
    """Whether an expression reads the setting for each row, or fails where there is none."""
    if not _mentions(text, facts):
        return False
    lower = text.lower()
    if "current_setting(" in lower and ("nullif(" not in lower or ", true" not in lower):
        return True
    return "select " not in lower and not facts.server.citus


def _mentions(text: str, facts: Facts) -> bool:
    # What a seal says is only believed by the helper that verifies it.
    if facts.sealed_as is None and f"current_setting('{facts.setting}'" in text:
        return True
    return any(re.search(rf"\b{re.escape(name)}\(", text) for name in facts.helpers)

"""Times with their unit, as PostgreSQL writes them: "500ms", "10s", "2min"."""

from __future__ import annotations

import re

from .rules import UNSET, RuleError, text_of

__all__ = ["duration", "duration_ms"]

_SHAPE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?(ms|s|min|h|d)")
_UNITS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST = 2_147_483_647  # PostgreSQL keeps a timeout as a 32-bit integer
_WHAT = 'a time with its unit, such as "500ms", "10s" or "2min", of 1 ms or more'


def duration(value: object) -> object:
    """The rule for a time with its unit; the text is kept."""
    text = text_of(value, _WHAT)
    if text:
        duration_ms(text)
    return text or UNSET


def duration_ms(text: str) -> int:
    """The milliseconds of a time with its unit.

    See https://www.postgresql.org/docs/current/config-setting.html. A time of zero is refused:
    PostgreSQL reads it as "no limit".

    Raises:
        RuleError: The text is no such time.
    """
    match = _SHAPE.fullmatch(text)
    amount = float(match[1]) * _UNITS[match[2]] if match else 0
    if not 1 <= amount <= _LONGEST:
        raise RuleError(f"must be {_WHAT}")
    return int(amount)

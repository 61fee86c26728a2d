"""Dates, times and intervals between Python and the text that PostgreSQL's JSON has for them.

PostgreSQL trims the zeros of a fraction (`12:00:00.5`) and knows values that Python cannot hold:
`infinity`, years before 1 and after 9999, 24:00, months in an interval. Such a value becomes the
nearest Python value that remembers its text, so that both lanes write the same
(PostgreSQL manual, 8.5 and 9.16).
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

__all__ = [
    "format_date",
    "format_datetime",
    "format_interval",
    "format_time",
    "parse_date",
    "parse_datetime",
    "parse_interval",
    "parse_time",
]


class _Date(date):
    postgres_text: str


class _DateTime(datetime):
    postgres_text: str


class _Time(time):
    postgres_text: str


class _Interval(timedelta):
    postgres_text: str


def parse_date(text: str) -> date:
    """Read a date as PostgreSQL writes it."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        value = _Date(1, 1, 1) if _is_early(text) else _Date(9999, 12, 31)
        value.postgres_text = text
        return value


def parse_datetime(text: str, zone: timezone | None = None) -> datetime:
    """Read a timestamp; `zone` is that of its column, for values that do not name one."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        year, month, day = (1, 1, 1) if _is_early(text) else (9999, 12, 31)
        value = _DateTime(year, month, day, tzinfo=zone)
        value.postgres_text = text
        return value


def parse_time(text: str) -> time:
    """Read a time of day, with or without time zone."""
    try:
        return time.fromisoformat(text)
    except ValueError:
        value = _Time(23, 59, 59, 999999)
        value.postgres_text = text
        return value


def _is_early(text: str) -> bool:
    return text.endswith(" BC") or text.startswith("-")


_INTERVAL = re.compile(
    r"(?:(?P<years>[+-]?\d+) years? ?)?(?:(?P<months>[+-]?\d+) mons? ?)?"
    r"(?:(?P<days>[+-]?\d+) days? ?)?"
    r"(?:(?P<sign>[+-])?(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d)(?:\.(?P<fraction>\d{1,6}))?)?"
)


def parse_interval(text: str) -> timedelta:
    """Read an interval in PostgreSQL's default style; a month counts as 30 days, a year as 365."""
    found = _INTERVAL.fullmatch(text)
    if found is None or not text:
        raise ValueError(f"not an interval of PostgreSQL's default style: {text!r}")
    part = {
        name: int(value or 0)
        for name, value in found.groupdict().items()
        if name not in ("sign", "fraction")
    }
    clock = timedelta(
        hours=part["hours"],
        minutes=part["minutes"],
        seconds=part["seconds"],
        microseconds=int((found["fraction"] or "").ljust(6, "0")),
    )
    days = part["years"] * 365 + part["months"] * 30 + part["days"]
    value = timedelta(days=days) + (-clock if found["sign"] == "-" else clock)
    if format_interval(value) == text:
        return value
    exact = _Interval(value.days, value.seconds, value.microseconds)
    exact.postgres_text = text
    return exact


def format_date(value: date) -> str:
    """Write a date as PostgreSQL's JSON does."""
    return getattr(value, "postgres_text", None) or value.isoformat()


def format_datetime(value: datetime) -> str:
    """Write a timestamp as PostgreSQL's JSON does; its offset stays the value's own."""
    text = getattr(value, "postgres_text", None)
    if text is not None:
        return text
    text = value.isoformat()
    return _trimmed(text) if value.microsecond else text


def format_time(value: time) -> str:
    """Write a time of day as PostgreSQL does: a whole hour's offset without its minutes."""
    text: Any = getattr(value, "postgres_text", None)
    if text is not None:
        return text
    text = value.isoformat()
    if value.microsecond:
        text = _trimmed(text)
    return text.removesuffix(":00") if value.tzinfo is not None else text


def _trimmed(text: str) -> str:
    dot = text.index(".")
    return text[:dot] + text[dot : dot + 7].rstrip("0") + text[dot + 7 :]


def format_interval(value: timedelta) -> str:
    """Write an interval in PostgreSQL's default style: `1 day 02:03:04.5`."""
    text = getattr(value, "postgres_text", None)
    if text is not None:
        return text
    days, rest = value.days, value.seconds
    parts = [f"{days} day{'' if days == 1 else 's'}"] if days else []
    if rest or value.microseconds or not days:
        fraction = f".{value.microseconds:06}".rstrip("0") if value.microseconds else ""
        sign = "+" if days < 0 else ""
        parts.append(f"{sign}{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}{fraction}")
    return " ".join(parts)

"""The ratios that the project sets itself, and whether a run met them."""

from __future__ import annotations

from typing import NamedTuple

from measure import Measurement
from results import Ratio, Results, Value

__all__ = ["TARGETS", "Target", "Verdict", "judge"]


class Target(NamedTuple):
    """A ratio and its bound.

    Args:
        title: What is compared.
        one: The contestant above the line.
        other: The one below it.
        value: What of them.
        kinds: In which kinds; empty for all where both took part.
        bound: The number.
        most: Whether the ratio may be that at the most, else at the least.
    """

    title: str
    one: str
    other: str
    value: Value
    kinds: tuple[str, ...]
    bound: float
    most: bool


class Verdict(NamedTuple):
    """How a target fared in one kind."""

    target: Target
    kind: str
    ratio: Ratio
    met: bool


def _server(one: Measurement) -> float | None:
    return one.server_cpu


def _postgres(one: Measurement) -> float | None:
    return one.postgres_cpu


def _rate(one: Measurement) -> float | None:
    return one.rate


_FLOOR = "server CPU, fast lane / floor"
_PGBENCH = "PostgreSQL CPU, fast lane / pgbench"
_GRAPHILE = "requests/s, fast lane / PostGraphile"
_HAND = "requests/s, fast lane / hand-written"
_STANDARD = "requests/s, standard lane / hand-written"
_REST = "server CPU, TenantSession / plain AsyncSession"
_TWO = ("rows20", "by_id")
_READS = (
    *(*_TWO, "by_variable", "relations", "rows500", "page", "third_page", "aggregate"),
    *("whale_rows20", "whale_by_id"),
)

TARGETS = (
    Target(_FLOOR, "fast", "floor", _server, (*_READS, "mixed", "create"), 1.6, most=True),
    Target(_PGBENCH, "fast", "pgbench", _postgres, _READS, 1.15, most=True),
    Target(_GRAPHILE, "fast", "postgraphile", _rate, (*_TWO, "by_variable"), 3, most=False),
    Target(_HAND, "fast", "handwritten", _rate, _TWO, 12, most=False),
    Target(_HAND, "fast", "handwritten", _rate, ("rows500",), 10, most=False),
    Target(_STANDARD, "standard", "handwritten", _rate, _READS, 2.5, most=False),
    Target(_REST, "fast", "handwritten-cached", _server, ("rest",), 1.15, most=True),
)


def judge(results: Results) -> list[Verdict]:
    """Every target in every kind in which it was measured."""
    found: list[Verdict] = []
    for target in TARGETS:
        for kind in target.kinds or results.kinds():
            ratio = results.ratio(kind, target.one, target.other, target.value)
            if ratio is not None:
                met = ratio.median <= target.bound if target.most else ratio.median >= target.bound
                found.append(Verdict(target, kind, ratio, met))
    return found

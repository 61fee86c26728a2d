"""The charts of the documentation, as SVG written by hand: no library is needed for two charts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from contestants import CONTESTANTS
from growth import LEVELS
from kinds import KINDS
from results import Results

__all__ = ["draw_cost", "draw_growth"]

# Distinguishable without colour vision too (Okabe and Ito), with a mark of its own each.
_COLOURS = {
    "handwritten": "#999999",
    "handwritten-cached": "#56b4e9",
    "standard": "#009e73",
    "fast": "#d55e00",
    "floor": "#000000",
    "pgbench": "#cc79a7",
    "postgraphile": "#0072b2",
}
_WIDTH = 860
_LEFT, _RIGHT, _TOP = 190, 30, 96
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.small{font-size:11px;fill:#555}"
    ".title{font-size:15px;font-weight:600}.grid{stroke:#ddd}.axis{stroke:#888}"
)


def draw_cost(results: Results, file: Path) -> None:
    """Processor time of the server per request: a row of marks for each kind, on a log scale."""
    shown = [name for name in CONTESTANTS if name != "pgbench"]
    rows: list[tuple[str, dict[str, float]]] = []
    for kind in results.kinds():
        costs = {
            name: cost * 1e6
            for name in shown
            if (cost := results.median(kind, name, lambda m: m.server_cpu)) is not None
        }
        rows.append((KINDS[kind].title, costs))
    values = [cost for _, costs in rows for cost in costs.values()]
    if not values:
        return
    scale = _Log(values, _LEFT, _WIDTH - _RIGHT)
    height = _TOP + 34 * len(rows) + 40
    parts = [_text(20, 26, "CPU of the server process per request, in µs (log scale)", "title")]
    parts += _legend(name for name in shown if any(name in costs for _, costs in rows))
    bottom = _TOP + 34 * len(rows)
    for tick in scale.ticks():
        x = scale(tick)
        parts.append(f'<path class="grid" d="M{x:.1f} {_TOP - 8}V{bottom}"/>')
        parts.append(_text(x, bottom + 18, f"{tick:,.0f}", "small", "middle"))
    for index, (title, costs) in enumerate(rows):
        y = _TOP + 34 * index + 14
        parts.append(_text(_LEFT - 14, y + 4, title, "", "end"))
        ends = sorted(scale(cost) for cost in costs.values())
        parts.append(f'<path class="grid" d="M{ends[0]:.1f} {y}H{ends[-1]:.1f}"/>')
        for name, cost in costs.items():
            hint = f"{CONTESTANTS[name].title}: {cost:,.0f} µs"
            parts.append(_mark(name, scale(cost), y, hint))
    _write(file, height, parts)


def draw_growth(results: Results, file: Path) -> None:
    """Processor time of server and PostgreSQL by rows, a line for each number of levels."""
    points = results.growth
    if not points:
        return
    counts = sorted({point.rows for point in points})
    height, bottom, left = 520, 450, 90
    across = _Log(counts, left + 20, _WIDTH - 150)
    up = _Log([(p.server_cpu + p.postgres_cpu) * 1e3 for p in points], bottom, _TOP)
    parts = [
        _text(
            20, 26, "CPU of server and PostgreSQL per request, in ms, by rows (log scales)", "title"
        )
    ]
    names = [name for name in CONTESTANTS if any(p.contestant == name for p in points)]
    parts += _legend(names)
    for tick in up.ticks():
        y = up(tick)
        parts.append(f'<path class="grid" d="M{left} {y:.1f}H{_WIDTH - 130}"/>')
        parts.append(_text(left - 10, y + 4, f"{tick:g}", "small", "end"))
    for rows in counts:
        parts.append(_text(across(rows), bottom + 24, f"{rows:,} rows", "small", "middle"))
    for name in names:
        for levels in LEVELS:
            line = sorted(
                (p.rows, (p.server_cpu + p.postgres_cpu) * 1e3)
                for p in points
                if (p.contestant, p.levels) == (name, levels)
            )
            places = [(across(rows), up(cost)) for rows, cost in line]
            path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
            colour = _COLOURS[name]
            parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
            for (x, y), (rows, cost) in zip(places, line, strict=True):
                hint = f"{CONTESTANTS[name].title}, {rows:,} rows, {levels} levels: {cost:.2f} ms"
                parts.append(_mark(name, x, y, hint))
            x, y = places[-1]
            label = f"{levels} level{'s' * (levels > 1)}"
            parts.append(_text(x + 12, y + 4, label, "small"))
    _write(file, height, parts)


class _Log:
    """A logarithmic scale from values to places."""

    def __init__(self, values: Sequence[float], first: float, last: float) -> None:
        self._low = math.log10(min(values)) - 0.1
        self._high = math.log10(max(values)) + 0.1
        self._first, self._last = first, last

    def __call__(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._first + share * (self._last - self._first)

    def ticks(self) -> list[float]:
        exponents = range(math.floor(self._low), math.ceil(self._high) + 1)
        every = [step * 10.0**exponent for exponent in exponents for step in (1, 2, 5)]
        return [tick for tick in every if self._low <= math.log10(tick) <= self._high]


def _legend(names: Iterable[str]) -> list[str]:
    parts: list[str] = []
    x, y = 20.0, 50
    for name in names:
        title = CONTESTANTS[name].title
        width = 30 + 7.0 * len(title)
        if x + width > _WIDTH:
            x, y = 20.0, y + 20
        parts += [_mark(name, x + 6, y, title), _text(x + 16, y + 4, title, "small")]
        x += width
    return parts


def _mark(name: str, x: float, y: float, hint: str) -> str:
    shapes = (
        f'circle cx="{x:.1f}" cy="{y:.1f}" r="5"',
        f'path d="M{x - 5:.1f} {y + 4:.1f}h10l-5 -9z"',
        f'rect x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9"',
        f'path d="M{x:.1f} {y - 6.5:.1f}l6.5 6.5l-6.5 6.5l-6.5 -6.5z"',
        f'path d="M{x - 1.5:.1f} {y - 7:.1f}h3v14h-3z"',
    )
    shape = shapes[list(CONTESTANTS).index(name) % len(shapes)]
    tag = shape.partition(" ")[0]
    return f'<{shape} fill="{_COLOURS[name]}"><title>{escape(hint)}</title></{tag}>'


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _write(file: Path, height: int, parts: list[str]) -> None:
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img"><style>{_STYLE}</style>'
        f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )

"""The results as text: for the terminal, and as Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from contestants import CONTESTANTS, PGBENCH
from kinds import KINDS
from results import Results
from targets import judge

__all__ = ["aligned", "markdown", "piped", "text", "write_into"]

_COMMAND = "nox -s bench -- --docs"
_END = "<!-- bench: end -->"
_COLUMNS = ("", "requests/s", "p50 ms", "p99 ms", "server µs", "PostgreSQL µs", "server / floor")
_HAND = "handwritten"
_FLOOR = "floor"
_FAST = "fast"

Row = tuple[str, ...]


def text(results: Results) -> str:
    """All tables, for a terminal."""
    parts = [
        aligned([(KINDS[kind].title, *_COLUMNS[1:], "req/s / hand"), *_rows(results, kind)])
        for kind in results.kinds()
    ]
    for title, rows in (
        ("Requests/s of the fast lane over those of the others", _ratio_rows(results)),
        ("Targets", _target_rows(results)),
        ("Pages of 20 of a tenant's million rows", _deep_rows(results)),
        ("CPU of a request, server + PostgreSQL, ms", _growth_rows(results)),
        ("Private memory after distinct documents, MB: server / PostgreSQL", _memory_rows(results)),
    ):
        if len(rows) > 1:
            parts.append(f"{title}\n{aligned(rows)}")
    lanes: dict[str, str] = results.about.get("lanes", {})
    if lanes:
        parts.append("Lanes that the fast lane's service took")
        parts[-1] += "".join(f"\n  {KINDS[kind].title}: {lane}" for kind, lane in lanes.items())
    parts += [f"skipped: {name}: {reason}" for name, reason in results.skipped.items()]
    return "\n\n".join(parts)


def markdown(results: Results) -> str:
    """All tables, for the documentation."""
    about = results.about
    libraries = ", ".join(f"{name} {version}" for name, version in about["libraries"].items())
    parts = [
        (
            f"Measured {about['date']} on {about['processors']} processors, {about['processor']} "
            f"({about['system']}), PostgreSQL {about['postgresql']}, Python {about['python']}; "
            f"{about['layout']}. {about['rounds']} rounds of {about['seconds']:g} s, "
            f"{about['connections']} connections, {about['pool']} database connections each. "
            f"{libraries}."
        ),
    ]
    for kind in results.kinds():
        head = (KINDS[kind].title, *_COLUMNS[1:], "requests/s / hand-written")
        parts.append(piped([head, *_rows(results, kind)]))
    growth = "Processor time of a request, server and PostgreSQL together, in milliseconds."
    memory = "Private memory after so many distinct documents, in MB: server / PostgreSQL."
    ratios = "Requests a second of the fast lane over those of the others, in the same round."
    deep = "Pages of 20 rows of one tenant with a million, on the fast lane."
    for title, rows in (
        (f"### Ratios\n\n{ratios}", _ratio_rows(results)),
        ("### Targets", _target_rows(results)),
        (f"### Far pages\n\n{deep}", _deep_rows(results)),
        (f"### Rows and levels\n\n{growth}", _growth_rows(results)),
        (f"### Memory\n\n{memory}", _memory_rows(results)),
    ):
        if len(rows) > 1:
            parts += [title, piped(rows)]
    aside = {
        kind: lane
        for kind, lane in results.about.get("lanes", {}).items()
        if not lane.startswith("fast")
    }
    parts += [
        f"The fast lane stepped aside for “{KINDS[kind].title}” ({lane})."
        for kind, lane in aside.items()
    ]
    parts += [
        f"Skipped: {CONTESTANTS[name].title}: {why}." for name, why in results.skipped.items()
    ]
    return "\n\n".join(parts)


def write_into(page: Path, content: str, *, command: str = _COMMAND) -> None:
    """Replace what stands between the two marks of a page.

    Args:
        page: The page.
        content: What stands there afterwards.
        command: What the first mark says was run.

    Raises:
        SystemExit: The page has no such marks.
    """
    mark = f"<!-- bench: written by `{command}`; do not edit -->"
    before, begin, rest = page.read_text().partition(mark)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise SystemExit(f"{page} has no {mark} and {_END}")
    page.write_text(f"{before}{mark}\n\n{content}\n\n{_END}{after}")


def _rows(results: Results, kind: str) -> Iterator[Row]:
    for name in results.contestants(kind, list(CONTESTANTS)):
        server = results.median(kind, name, lambda m: m.server_cpu)
        over_floor = results.ratio(kind, name, _FLOOR, lambda m: m.server_cpu)
        over_hand = results.ratio(kind, name, _HAND, lambda m: m.rate)
        yield (
            CONTESTANTS[name].title,
            f"{results.median(kind, name, lambda m: m.rate) or 0:,.0f}",
            f"{(results.median(kind, name, lambda m: m.p50) or 0) * 1e3:.1f}",
            f"{(results.median(kind, name, lambda m: m.p99) or 0) * 1e3:.1f}",
            "" if server is None else f"{server * 1e6:,.0f}",
            f"{(results.median(kind, name, lambda m: m.postgres_cpu) or 0) * 1e6:,.0f}",
            f"{over_floor.median:.2f}" if over_floor else "",
            f"{over_hand.median:.1f}" if over_hand else "",
        )


def _ratio_rows(results: Results) -> list[Row]:
    others = [name for name in CONTESTANTS if name not in (_FAST, PGBENCH)]
    rows: list[Row] = [("", *(CONTESTANTS[name].title for name in others))]
    for kind in results.kinds():
        ratios = [results.ratio(kind, _FAST, name, lambda m: m.rate) for name in others]
        if any(ratios):
            cells = (f"{ratio.median:.2f}" if ratio else "" for ratio in ratios)
            rows.append((KINDS[kind].title, *cells))
    return rows


def _deep_rows(results: Results) -> list[Row]:
    rows: list[Row] = [("page", "by", "p50 ms", "server µs", "PostgreSQL µs")]
    for one in results.deep:
        costs = (f"{one.server_cpu * 1e6:,.0f}", f"{one.postgres_cpu * 1e6:,.0f}")
        rows.append((f"{one.page:,}", one.way, f"{one.p50 * 1e3:.2f}", *costs))
    return rows


def _target_rows(results: Results) -> list[Row]:
    rows: list[Row] = [("", "kind", "wanted", "measured", "range", "")]
    for target, kind, ratio, met in judge(results):
        sign = "≤" if target.most else "≥"
        rows.append(
            (
                target.title,
                KINDS[kind].title,
                f"{sign} {target.bound:g}",
                f"{ratio.median:.2f}",
                f"{ratio.lowest:.2f} to {ratio.highest:.2f}",
                "met" if met else "missed",
            )
        )
    return rows


def _growth_rows(results: Results) -> list[Row]:
    counts = sorted({point.rows for point in results.growth})
    rows: list[Row] = [("", "levels", *(f"{count:,} rows" for count in counts))]
    lines = dict.fromkeys((point.contestant, point.levels) for point in results.growth)
    for name, levels in sorted(lines, key=lambda line: (list(CONTESTANTS).index(line[0]), line[1])):
        costs = {
            point.rows: (point.server_cpu + point.postgres_cpu) * 1e3
            for point in results.growth
            if (point.contestant, point.levels) == (name, levels)
        }
        rows.append((CONTESTANTS[name].title, str(levels), *(f"{costs[n]:,.2f}" for n in counts)))
    return rows


def _memory_rows(results: Results) -> list[Row]:
    counts = sorted({reading.documents for reading in results.memory})
    rows: list[Row] = [("", *(f"{count:,}" for count in counts))]
    for name in dict.fromkeys(reading.contestant for reading in results.memory):
        by_count = {r.documents: r for r in results.memory if r.contestant == name}
        cells = (
            f"{by_count[n].server / 1e6:.1f} / {by_count[n].postgres / 1e6:.1f}" for n in counts
        )
        rows.append((CONTESTANTS[name].title, *cells))
    return rows


def aligned(rows: Sequence[Row]) -> str:
    """Columns for a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for row in rows:
        first, *others = zip(row, widths, strict=True)
        cells = [f"{first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in others)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def piped(rows: Sequence[Row]) -> str:
    """A table in Markdown."""
    head, *body = rows
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *body))

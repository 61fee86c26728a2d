"""The proof as one self-contained HTML page, for whoever asks: a matrix, light and dark."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib import resources
from string import Template

from .attempt import Attempt, Outcome, Proof

__all__ = ["MARKS", "matrix", "render_page"]

MARKS = {
    Outcome.CLOSED: "✓",
    Outcome.HOLE: "✗",
    Outcome.UNCLEAR: "?",
    Outcome.NOT_TRIED: "-",
}
_PAGE = resources.files("fraiseql_strawberry.check.prove").joinpath("page.html").read_text("utf-8")


def matrix(proof: Proof) -> tuple[list[str], dict[str, dict[str, Attempt]]]:
    """The columns (action and as whom), and for each target its attempts by column."""
    columns: list[str] = []
    rows: dict[str, dict[str, Attempt]] = {}
    for one in proof.attempts:
        column = f"{one.action} {one.who}"
        if column not in columns:
            columns.append(column)
        rows.setdefault(one.target, {})[column] = one
    return sorted(columns), rows


def render_page(proof: Proof) -> str:
    """The page; it refers to nothing outside of itself."""
    holes = len(proof.holes)
    closed = proof.count(Outcome.CLOSED)
    verdict = (
        f"{holes} of {len(proof.attempts)} attacks got through"
        if holes
        else f"None of {len(proof.attempts) - proof.count(Outcome.NOT_TRIED)} attacks got through"
    )
    if not holes and not closed:
        verdict = "Nothing could be tried: this proves nothing"
    facts = {
        "database": proof.database,
        "application role": proof.role,
        "strategy": proof.strategy,
        "tenants": ", ".join(proof.tenants),
        "began": proof.began.isoformat(timespec="seconds"),
        "took": f"{proof.seconds:.1f} s",
        **proof.versions,
    }
    return Template(_PAGE).substitute(
        database=escape(proof.database),
        verdict=escape(verdict),
        verdict_class="hole" if holes or not closed else "closed",
        facts="".join(
            f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items()
        ),
        matrix=_matrix(proof),
        holes=_listed("Holes", proof.holes),
        unclear=_listed("To be judged", _of(proof, Outcome.UNCLEAR)),
        not_tried=_listed("Not tried", _of(proof, Outcome.NOT_TRIED)),
        shared=_shared(proof),
    )


def _of(proof: Proof, outcome: Outcome) -> list[Attempt]:
    return [one for one in proof.attempts if one.outcome is outcome]


def _matrix(proof: Proof) -> str:
    columns, rows = matrix(proof)
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        f'<tr><th class="target">{escape(target)}</th>'
        + "".join(_cell(attempts.get(column)) for column in columns)
        + "</tr>"
        for target, attempts in rows.items()
    )
    return f"<tr><th></th>{head}</tr>{body}"


def _cell(one: Attempt | None) -> str:
    if one is None:
        return "<td></td>"
    kind = one.outcome.replace(" ", "-")
    return f'<td class="{kind}" title="{escape(one.seen)}">{MARKS[one.outcome]}</td>'


def _listed(title: str, attempts: Iterable[Attempt]) -> str:
    items = "".join(
        f"<details open><summary><b>{escape(one.target)}</b>: {escape(one.action)} as "
        f"{escape(one.who)}: {escape(one.seen)}</summary>"
        + (f"<pre>{escape(one.statement)}</pre>" if one.statement else "")
        + "</details>"
        for one in attempts
    )
    return f"<h2>{title}</h2>{items}" if items else ""


def _shared(proof: Proof) -> str:
    if not proof.shared:
        return ""
    names = ", ".join(f"<code>{escape(name)}</code>" for name in proof.shared)
    return (
        "<h2>Not attacked</h2><p>These hold no tenant column, and read no table that does: "
        f"{names}. If one of them holds a tenant's rows, it needs the column.</p>"
    )

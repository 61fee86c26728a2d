"""A statement on several lines: only white space is added, so that it can be pasted and run."""

from __future__ import annotations

import re

__all__ = ["laid_out"]

# Quoted names and texts are one piece each: nothing inside of them is a keyword or a parenthesis.
_PIECE = re.compile(r"""\"(?:[^"]|"")*"|'(?:[^']|'')*'|[()]|\s+|[^\s()"']+""")
_BREAKS = frozenset({"FROM", "JOIN", "WHERE", "ORDER", "LIMIT", "OFFSET"})
_INDENT = "  "


def laid_out(sql: str) -> str:
    """Put each clause on a line of its own, and sub-SELECTs further in.

    Args:
        sql: A statement, on one line.
    """
    pieces = _PIECE.findall(sql)
    out: list[str] = []
    # For each open parenthesis: whether a SELECT stands in it.
    open_: list[bool] = [True]
    for index, piece in enumerate(pieces):
        depth = sum(open_) - 1
        if piece == "(":
            below = pieces[index + 1 : index + 2] == ["SELECT"]
            out.append(piece)
            open_.append(below)
            if below:
                out.append(f"\n{_INDENT * (depth + 1)}")
        elif piece == ")" and len(open_) > 1:
            if open_.pop():
                out.append(f"\n{_INDENT * (depth - 1)}")
            out.append(piece)
        elif piece in _BREAKS and open_[-1]:
            if out and out[-1].isspace():
                out.pop()
            out.append(f"\n{_INDENT * depth}{piece}")
        else:
            out.append(piece)
    return "".join(out)

"""Findings that are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, cast

from ..rules import many, matching

__all__ = ["Check"]


@dataclass(frozen=True, slots=True)
class Check:
    """`[check]`: findings that are known, each with the reason why it stands."""

    ignore: Annotated[
        tuple[str, ...],
        many(
            matching(
                r"[A-Z][0-9]{2}(?::\S+)? +\S(?s:.*)",
                'a finding and the reason why it stands: "T08:app.tb_plan it has ten rows"',
            )
        ),
    ] = ()

    @property
    def ignored(self) -> Mapping[str, str]:
        """The reason for each finding that is ignored, by its key."""
        return dict(cast("tuple[str, str]", entry.split(maxsplit=1)) for entry in self.ignore)

"""Isolation, shown by attacks: as the real application role, in transactions that are rolled back.

Where `check` reads the text of policies, `prove` tries to get through them.
"""

from __future__ import annotations

from .attempt import Action, Attempt, Outcome, Proof, Who
from .page import render_page
from .run import prove_database, prove_databases

__all__ = [
    "Action",
    "Attempt",
    "Outcome",
    "Proof",
    "Who",
    "prove_database",
    "prove_databases",
    "render_page",
]

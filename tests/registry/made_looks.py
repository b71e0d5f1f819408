"""Looks at evaluation rows, made by hand."""

from __future__ import annotations

import dataclasses

from newsletter_bandit.registry import Look

WINDOW = ("2026-10-12", "2026-11-09")
LOOK = Look(WINDOW, "settings", "rows", "evaluation/1", "not_blessed", "logging policy")


def look(number: int, **changes: object) -> Look:
    """`LOOK` as another evaluation's, with some fields replaced."""
    return dataclasses.replace(LOOK, evaluation=f"evaluation/{number}", **changes)  # type: ignore[arg-type]

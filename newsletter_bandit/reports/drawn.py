"""Which rows a figure shows, where it cannot show them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

DRAWN = 30  # rows of a figure; its table has them all
_Row = TypeVar("_Row")


def most_important(rows: Sequence[_Row], weight: Callable[[_Row], float], most: int = DRAWN) -> list[_Row]:
    """The rows that a figure shows, in their order: all, or ``most`` with the largest weight."""
    kept = sorted(range(len(rows)), key=lambda index: -weight(rows[index]))[:most]
    return [rows[index] for index in sorted(kept)]

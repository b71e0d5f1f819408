"""The three checks of the evidence: enough rows, and importance weights that leave them in use."""

from __future__ import annotations

from typing import Protocol

from newsletter_bandit.checks import Check, compared

SAMPLE_SIZE = "effective sample size"


class Found(Protocol):
    """Figures of the log and of the importance weights."""

    @property
    def rows(self) -> int:
        """Rows, or rankings."""

    @property
    def effective_sample_size(self) -> float:
        """Rows that the weights leave."""

    @property
    def max_weight(self) -> float:
        """Largest weight before any clip."""


class Needed(Protocol):
    """The least evidence that a log must hold."""

    @property
    def min_rows(self) -> int:
        """Rows, or rankings."""

    @property
    def min_effective_sample_size(self) -> float:
        """Rows that the weights must leave."""

    @property
    def max_weight(self) -> float:
        """Largest weight that is allowed, before any clip."""


def evidence(found: Found, needed: Needed, of_largest: str = "") -> tuple[Check, Check, Check]:
    """Rows, effective sample size and largest weight, each held against its bound.

    Args:
      found: figures of the log.
      needed: bounds of the gate, or of an evaluation.
      of_largest: added to the sentence about the largest weight.
    """
    return (
        compared("rows", found.rows, ">=", needed.min_rows, "evaluation rows"),
        compared(
            SAMPLE_SIZE,
            found.effective_sample_size,
            ">=",
            needed.min_effective_sample_size,
            "rows that the importance weights leave",
        ),
        compared(
            "largest weight",
            found.max_weight,
            "<=",
            needed.max_weight,
            f"largest importance weight{of_largest}",
        ),
    )

"""Checks of the evidence: enough rows, weights that leave them in use, and propensities that fit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Protocol

from newsletter_bandit.checks import Check, compared, shown

SAMPLE_SIZE = "effective sample size"
MEAN_WEIGHT = "mean weight off 1"
_DIGITS = 3


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


def mean_weight(mean: float, reach: float, tolerance: float) -> Check:
    """The mean of the weights before any clip must be 1, up to chance and a tolerance.

    Args:
      mean: the mean; NaN where it is unknown.
      reach: how far from the mean chance may lie.
      tolerance: distance that is allowed even where chance does not explain it.
    """
    off = abs(mean - 1.0)
    allowed = max(tolerance, reach) if math.isfinite(reach) else tolerance
    check = compared(MEAN_WEIGHT, off, "<=", allowed, "distance of the weights' mean from 1")
    if check.passed or not math.isfinite(mean):
        return check
    reason = (
        "the policy does what was never logged, or the propensities are too large"
        if mean < 1.0
        else "the propensities are too small, or are not those of the logged actions"
    )
    return replace(check, detail=f"the weights' mean is {shown(mean, _DIGITS)}: {reason}")

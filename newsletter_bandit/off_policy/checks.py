"""Checks of the evidence: enough rows, weights that leave them in use, and propensities that fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from newsletter_bandit.checks import Check, compared, shown

SAMPLE_SIZE = "effective sample size"
MEAN_WEIGHT = "mean weight off 1"
_DIGITS = 3
_NAMED = 6


class PartWeight(NamedTuple):
    """Mean weight of some rows before any clip.

    Attributes:
      part: whose weights, and in which rows: "candidate", or "production, country=CH"; "" for all there are.
      mean: their mean; NaN where it is unknown.
      reach: how far from the mean chance may lie.
    """

    part: str
    mean: float
    reach: float


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


def mean_weights(parts: Sequence[PartWeight], tolerance: float) -> Check:
    """The check of the part that is furthest off, which names every part that fails; see `mean_weight`."""
    made = [(part.part, mean_weight(part.mean, part.reach, tolerance)) for part in parts]
    if not made:
        return Check(MEAN_WEIGHT, None, tolerance, "<=", None, "skipped: no weights")
    failed = [(part, check) for part, check in made if not check.passed]
    if not failed:
        return made[0][1]
    part, worst = max(failed, key=lambda each: each[1].figure or math.inf)
    named = [name for name in (part, *(other for other, _ in failed if other != part)) if name]
    return replace(worst, detail=f"{worst.detail} ({listed(named)})") if named else worst


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return "; ".join(names[:_NAMED]) + more

"""Checks of the importance weights: does the log support the evaluation policy?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from newsletter_bandit.checks import Check, compared, shown
from newsletter_bandit.errors import SettingsError
from newsletter_bandit.off_policy.checks import evidence

# A mean weight this far from 1, and further than chance explains, is not an accident.
_STANDARD_ERRORS = 4.0
_DIGITS = 3


@dataclass(frozen=True)
class Bounds:
    """The least evidence that a log must hold; a test compares the defaults with the gate's.

    Attributes:
      min_rows: least number of rows, or of rankings.
      min_effective_sample_size: least effective sample size of the weights in use.
      max_weight: largest allowed weight before any clip.
      mean_weight_tolerance: how far the mean weight may be from 1, beyond what chance explains.

    Raises:
      SettingsError: a bound is outside its range.
    """

    min_rows: int = 2000
    min_effective_sample_size: float = 200.0
    max_weight: float = 250.0
    mean_weight_tolerance: float = 0.1

    def __post_init__(self) -> None:
        for name, lowest in (
            ("min_rows", 1),
            ("min_effective_sample_size", 1),
            ("max_weight", 1),
            ("mean_weight_tolerance", 0),
        ):
            found = getattr(self, name)
            if not found >= lowest:
                raise SettingsError(f"`{name}`: found {found:g}; allowed: {lowest} or more")


@dataclass(frozen=True)
class WeightFigures:
    """Figures of the importance weights w = pi_e(a | x) / p: how many of the log's rows still count.

    Attributes:
      rows: rows, or rankings.
      effective_sample_size: (sum w)^2 / sum w^2 of the weights in use.
      max_weight: largest weight before any clip.
      mean_weight: mean weight before any clip; near 1 if the log contains everything that the policy does.
      mean_weight_error: standard error of the mean weight.
      top_share: share of the total weight that the heaviest 1% of the rows carry; NaN if unknown.
      clipped_share: share of rows whose weight was clipped.
    """

    rows: int
    effective_sample_size: float
    max_weight: float
    mean_weight: float
    mean_weight_error: float
    top_share: float
    clipped_share: float


def checks(found: WeightFigures, bounds: Bounds) -> tuple[Check, ...]:
    """Every check in order; the log supports the policy if none has failed."""
    off = abs(found.mean_weight - 1.0)
    allowed = max(bounds.mean_weight_tolerance, _STANDARD_ERRORS * found.mean_weight_error)
    if not math.isfinite(allowed):
        allowed = bounds.mean_weight_tolerance
    made = (
        *evidence(found, bounds),
        compared("mean weight off 1", off, "<=", allowed, "distance of the weights' mean from 1"),
    )
    reasons = (
        "too few rows to say anything",
        f"the {found.rows:,} rows tell as much as {shown(found.effective_sample_size, _DIGITS)} rows of the "
        "policy's own: it seldom does what was logged",
        f"one row counts as {shown(found.max_weight, _DIGITS)}: the policy likes what the log hardly ever "
        "did",
        f"the weights' mean is {shown(found.mean_weight, _DIGITS)}: "
        + (
            "the policy does what was never logged, or the propensities are too large"
            if found.mean_weight < 1.0
            else "the propensities are too small, or are not those of the logged actions"
        ),
    )
    return tuple(
        replace(check, detail="" if check.passed else reason)
        for check, reason in zip(made, reasons, strict=True)
    )

"""Checks of the importance weights: does the log support the evaluation policy?"""

from __future__ import annotations

from dataclasses import dataclass, replace

from newsletter_bandit.checks import Check, shown
from newsletter_bandit.errors import SettingsError
from newsletter_bandit.off_policy.checks import evidence

_DIGITS = 3


@dataclass(frozen=True)
class Bounds:
    """The least evidence that a log must hold; a test compares the defaults with the gate's.

    Attributes:
      min_rows: least number of rows, or of rankings.
      min_effective_sample_size: least effective sample size of the weights in use.
      max_weight: largest allowed weight before any clip.
      mean_weight_tolerance: how far the mean weight may be from 1, beyond what chance explains.
      min_users: least number of different users, where the log names them.

    Raises:
      SettingsError: a bound is outside its range.
    """

    min_rows: int = 2000
    min_effective_sample_size: float = 200.0
    max_weight: float = 250.0
    mean_weight_tolerance: float = 0.1
    min_users: int = 30

    def __post_init__(self) -> None:
        for name, lowest in (
            ("min_rows", 1),
            ("min_effective_sample_size", 1),
            ("max_weight", 1),
            ("mean_weight_tolerance", 0),
            ("min_users", 1),
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
      mean_weight_reach: how far from the mean weight chance may lie.
      top_share: share of the total weight that the heaviest 1% of the rows carry; NaN if unknown.
      clipped_share: share of rows whose weight was clipped.
    """

    rows: int
    effective_sample_size: float
    max_weight: float
    mean_weight: float
    mean_weight_reach: float
    top_share: float
    clipped_share: float


def checks(found: WeightFigures, bounds: Bounds) -> tuple[Check, ...]:
    """The checks of how much the weights leave, in order."""
    made = evidence(found, bounds)
    reasons = (
        "too few rows to say anything",
        f"the {found.rows:,} rows tell as much as {shown(found.effective_sample_size, _DIGITS)} rows of the "
        "policy's own: it seldom does what was logged",
        f"one row counts as {shown(found.max_weight, _DIGITS)}: the policy likes what the log hardly ever "
        "did",
    )
    return tuple(
        replace(check, detail="" if check.passed else reason)
        for check, reason in zip(made, reasons, strict=True)
    )

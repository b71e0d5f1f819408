"""Clopper and Pearson's bound of a share, for the mean of terms in a known range.

Terms in [a, b] are scaled to [0, 1], and their sum is taken as a number of successes. This assumes the
largest dispersion that terms of this mean can have. So the bound is safe, but wide if terms can be much
larger than usual.

See "The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial" by Clopper and Pearson
(1934).
"""

from __future__ import annotations

import math

from scipy import special

from newsletter_bandit.off_policy.intervals.summary import Summary


def upper(summary: Summary, tail: float) -> float:
    """Upper bound, exceeded with probability ``tail`` at most; inf if the range of the terms is unknown."""
    if summary.bounds is None:
        return math.inf
    low, high = summary.bounds
    successes = min(max(summary.n * (summary.value - low) / (high - low), 0.0), float(summary.n))
    if successes >= summary.n:
        return high
    share = float(special.betaincinv(successes + 1.0, summary.n - successes, 1.0 - tail))
    return low + share * (high - low)

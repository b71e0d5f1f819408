"""Normal approximation: value + z standard errors.

It is too narrow if few rows have a reward: the estimate is then skewed, and when it is too small, so is its
standard error.
"""

from __future__ import annotations

from statistics import NormalDist

from newsletter_bandit.off_policy.intervals.summary import Summary


def upper(summary: Summary, tail: float) -> float:
    """Upper bound, exceeded with probability ``tail`` in large samples."""
    return summary.value + NormalDist().inv_cdf(1.0 - tail) * summary.standard_error

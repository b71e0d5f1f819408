"""Normal approximation: value + z standard errors.

Too narrow where few rows carry a reward: the estimate is then skewed, and its standard error is small just where the
estimate is.
"""

from __future__ import annotations

from statistics import NormalDist

from newsletter_bandit.off_policy.intervals.summary import Summary


def upper(summary: Summary, tail: float) -> float:
    """Exceeded by the truth with probability ``tail``, in large samples."""
    return summary.value + NormalDist().inv_cdf(1.0 - tail) * summary.standard_error

"""Percentile bootstrap over users: for users with several dependent rows, and for any estimator.

See `newsletter_bandit.off_policy.estimators.resampling` for how the samples are drawn.
"""

from __future__ import annotations

import math

import numpy as np

from newsletter_bandit.off_policy.intervals.summary import Summary


def upper(summary: Summary, tail: float) -> float:
    """The (1 - tail) quantile of the estimates on bootstrap samples; inf where none were drawn."""
    if summary.replicates is None or not len(summary.replicates):
        return math.inf
    known = summary.replicates[np.isfinite(summary.replicates)]
    return float(np.quantile(known, 1.0 - tail)) if len(known) else math.inf

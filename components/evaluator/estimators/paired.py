"""Difference of two policies' doubly robust values on the same rows.

Row by row, d_i = DR_i(candidate) - DR_i(baseline), or d_i = DR_i(candidate) - r_i against the policy that logged
the rows. What both policies share cancels, so the standard error of mean(d) is far below that of a difference
of two separate estimates.

See "Doubly Robust Policy Evaluation and Optimization" by Dudik, Erhan, Langford and Li (2014) for DR_i.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from components.evaluator.estimators import base, dr
from components.evaluator.estimators.moments import Moments


class _Difference(base.Mergeable):
    def __init__(self, weight_clip: float | None = None) -> None:
        base.check_clip(weight_clip)
        self.weight_clip = weight_clip
        self._moments = Moments(1)

    def merge(self, other: _Difference) -> None:
        """Adds the rows of ``other``; both must be of one kind and clip alike."""
        if type(other) is not type(self) or other.weight_clip != self.weight_clip:
            raise ValueError("differences of different kinds or weight clips cannot be merged")
        self._moments.merge(other._moments)

    def estimate(self) -> base.Estimate:
        """mean(d_i) with its standard error."""
        return base.mean_estimate(self._moments)

    def interval(self, confidence: float = 0.95) -> base.Interval:
        """Two-sided normal-approximation interval."""
        return base.normal_interval(self.estimate(), confidence)

    def lower_bound(self, confidence: float = 0.95) -> float:
        """The difference is larger with probability ``confidence`` (one-sided); -inf below two rows."""
        return self._bound(-1.0, confidence)

    def upper_bound(self, confidence: float = 0.95) -> float:
        """The difference is smaller with probability ``confidence`` (one-sided); inf below two rows."""
        return self._bound(1.0, confidence)

    def _bound(self, side: float, confidence: float) -> float:
        value, error, _ = self.estimate()
        if math.isnan(error):
            return side * math.inf
        return value + side * NormalDist().inv_cdf(confidence) * error


class PolicyDifference(_Difference):
    """mean(DR_i(candidate) - DR_i(baseline))."""

    def add(self, candidate: base.LoggedBatch, baseline: base.LoggedBatch) -> None:
        """Adds the same logged rows as each of the two policies sees them.

        Raises:
          ValueError: the two batches are not of the same rows.
        """
        same = np.array_equal(candidate.reward, baseline.reward)
        if not same or not np.array_equal(candidate.propensity, baseline.propensity):
            raise ValueError("a paired difference needs both policies on the same logged rows")
        difference = dr.terms(candidate, self.weight_clip) - dr.terms(baseline, self.weight_clip)
        self._moments.add(difference[:, None])


class LoggingDifference(_Difference):
    """mean(DR_i(candidate) - r_i): against the policy that logged the rows."""

    def add(self, candidate: base.LoggedBatch) -> None:
        """Adds logged rows."""
        self._moments.add((dr.terms(candidate, self.weight_clip) - candidate.reward)[:, None])

"""Difference of two policies' doubly robust values on the same rows.

Row by row, d_i = DR_i(candidate) - DR_i(baseline), or d_i = DR_i(candidate) - r_i against the policy that
logged the rows. What both policies share cancels, so the standard error of mean(d) is far below that of a
difference of two separate estimates.

See "Doubly Robust Policy Evaluation and Optimization" by Dudik, Erhan, Langford and Li (2014) for DR_i.
"""

from __future__ import annotations

import numpy as np

from newsletter_bandit.off_policy.estimators import base, dr
from newsletter_bandit.off_policy.estimators.moments import FloatArray


class _Difference(base.MeanOfTerms):
    """mean(d_i), with the bounds of `MeanOfTerms`."""

    def __init__(
        self,
        weight_clip: float | None = None,
        reward_range: base.RewardRange | None = None,
        samples: int = 0,
    ) -> None:
        super().__init__(1, weight_clip, reward_range, samples)

    def _look(self, weight: float, at_low: FloatArray, at_high: FloatArray) -> None:
        ends = np.stack([at_low, at_high])[..., None]
        self._extremes.add_equals(weight, ends.min(axis=0), ends.max(axis=0))


class PolicyDifference(_Difference):
    """mean(DR_i(candidate) - DR_i(baseline))."""

    def add(self, candidate: base.LoggedBatch, baseline: base.LoggedBatch) -> None:
        """Adds the same logged rows, as seen by each of the two policies.

        Raises:
          ValueError: the two batches hold different rows.
        """
        same = np.array_equal(candidate.reward, baseline.reward)
        if not same or not np.array_equal(candidate.propensity, baseline.propensity):
            raise ValueError("a paired difference needs both policies on the same logged rows")
        if not len(candidate):
            return
        clip = self.weight_clip
        self._add((dr.terms(candidate, clip) - dr.terms(baseline, clip))[:, None], candidate)
        if self.reward_range is not None:
            # The row whose reward moves the difference most.
            gaps = np.abs(candidate.weights(clip) - baseline.weights(clip))
            index = base.equal_largest(gaps)
            ends = [
                dr.terms(candidate.rows(index, r), clip) - dr.terms(baseline.rows(index, r), clip)
                for r in self.reward_range
            ]
            self._look(float(gaps[index[0]]), *ends)


class LoggingDifference(_Difference):
    """mean(DR_i(candidate) - r_i), compared with the policy that logged the rows."""

    def add(self, candidate: base.LoggedBatch) -> None:
        """Adds logged rows."""
        if not len(candidate):
            return
        self._add((dr.terms(candidate, self.weight_clip) - candidate.reward)[:, None], candidate)
        if self.reward_range is not None:
            gaps = np.abs(candidate.weights(self.weight_clip) - 1.0)
            index = base.equal_largest(gaps)
            ends = [dr.terms(candidate.rows(index, r), self.weight_clip) - r for r in self.reward_range]
            self._look(float(gaps[index[0]]), *ends)

"""Doubly robust: mean(sum_a pi_e(a | x) q(x, a) + w (r - q(x, a))).

It is the direct method, corrected by the weighted residuals of the logged actions. It is unbiased if the
propensities are right, whatever q says, and has lower variance than IPS if q is good.

See "Doubly Robust Policy Evaluation and Optimization" by Dudik, Erhan, Langford and Li (2014).
"""

from __future__ import annotations

from newsletter_bandit.off_policy.estimators import base
from newsletter_bandit.off_policy.estimators.moments import FloatArray


def terms(batch: base.LoggedBatch, weight_clip: float | None = None) -> FloatArray:
    """Doubly robust value of each row, float64 [n]."""
    return corrected(batch, batch.weights(weight_clip))


def corrected(batch: base.LoggedBatch, weights: FloatArray) -> FloatArray:
    """The model's value of each row plus the weighted residual of its logged action, float64 [n]."""
    return batch.expected_reward + weights * (batch.reward - batch.logged_estimate)


class Estimator(base.Estimator):
    """mean(sum_a pi_e(a | x_i) q(x_i, a) + w_i (r_i - q(x_i, a_i)))."""

    def terms(self, batch: base.LoggedBatch) -> FloatArray:
        """See `terms` of this module."""
        return terms(batch, self.weight_clip)

    def _bounds(self) -> tuple[float, float] | None:
        return correction_bounds(self.reward_range, self._largest_weight())


def correction_bounds(reward_range: base.RewardRange | None, weight: float) -> tuple[float, float] | None:
    """Range of a doubly robust term whose weight is at most ``weight``, for a reward model within the
    range.
    """
    if reward_range is None:
        return None
    low, high = reward_range
    return low + weight * (low - high), high + weight * (high - low)

"""Doubly robust: mean(sum_a pi_e(a | x) q(x, a) + w (r - q(x, a))).

The direct method corrected by the weighted residuals of the logged actions: unbiased where the propensities are
right, whatever q says, and of lower variance than IPS where q is good.

See "Doubly Robust Policy Evaluation and Optimization" by Dudik, Erhan, Langford and Li (2014).
"""

from __future__ import annotations

from components.evaluator.estimators import base
from components.evaluator.estimators.moments import FloatArray


def terms(batch: base.LoggedBatch, weight_clip: float | None = None) -> FloatArray:
    """Doubly robust value of each row, float64 [n]."""
    residual = batch.reward - batch.logged_estimate
    return batch.expected_reward + batch.weights(weight_clip) * residual


class Estimator(base.Estimator):
    """mean(sum_a pi_e(a | x_i) q(x_i, a) + w_i (r_i - q(x_i, a_i)))."""

    def terms(self, batch: base.LoggedBatch) -> FloatArray:
        """See `terms` of this module."""
        return terms(batch, self.weight_clip)

"""Self-normalised doubly robust: mean(sum_a pi_e q) + sum(w (r - q)) / sum(w).

The correction is divided by the sum of the weights instead of the number of rows, as in SNIPS: a log with too
many or too few heavy rows does not scale it. The standard error is the delta method's.

See "Doubly Robust Off-policy Value Evaluation for Reinforcement Learning" by Jiang and Li
(https://arxiv.org/abs/1511.03722) for DR, and `snips` for the normalisation.
"""

from __future__ import annotations

import math

import numpy as np

from newsletter_bandit.off_policy.estimators import base
from newsletter_bandit.off_policy.estimators.moments import FloatArray


class Estimator(base.Estimator):
    """mean(e_i) + sum(w_i (r_i - q_i)) / sum(w_i), e_i = sum_a pi_e(a | x_i) q(x_i, a)."""

    dimensions = 3

    def terms(self, batch: base.LoggedBatch) -> FloatArray:
        """(w_i, e_i, w_i (r_i - q_i)), [n, 3]."""
        weights = batch.weights(self.weight_clip)
        residual = weights * (batch.reward - batch.logged_estimate)
        terms: FloatArray = np.stack([weights, batch.expected_reward, residual]).T
        return terms

    def _solve(self, mean: FloatArray) -> tuple[float, FloatArray]:
        weight, expected, residual = mean
        if weight <= 0.0:
            return math.nan, np.full(3, math.nan)
        correction = float(residual / weight)
        return float(expected) + correction, np.array([-correction / weight, 1.0, 1.0 / weight])

"""Self-normalised inverse propensity scoring: sum(w r) / sum(w).

A weighted mean of the rewards: it stays within their range and shifts with them, at a bias of order 1 / n.
The standard error is the delta method's, sqrt(n / (n - 1) sum(w_i^2 (r_i - v)^2)) / sum(w_i); with all
weights equal it is that of the mean.

See "The Self-Normalized Estimator for Counterfactual Learning" by Swaminathan and Joachims (2015), and
"Monte Carlo theory, methods and examples" by Owen (2013), section 9.2.
"""

from __future__ import annotations

import math

import numpy as np

from newsletter_bandit.off_policy.estimators import base
from newsletter_bandit.off_policy.estimators.moments import FloatArray


class Estimator(base.Estimator):
    """sum(w_i r_i) / sum(w_i)."""

    dimensions = 2

    def terms(self, batch: base.LoggedBatch) -> FloatArray:
        """(w_i, w_i r_i), [n, 2]."""
        weights = batch.weights(self.weight_clip)
        terms: FloatArray = np.stack([weights, weights * batch.reward]).T
        return terms

    def _solve(self, mean: FloatArray) -> tuple[float, FloatArray]:
        weight, weighted_reward = mean
        if weight <= 0.0:
            return math.nan, np.full(2, math.nan)
        value = float(weighted_reward / weight)
        return value, np.array([-value, 1.0]) / weight

"""Inverse propensity scoring: mean(w r).

It is unbiased if the logging policy can take every action that the evaluation policy takes. Its variance
grows with the weights. With rewards in [r_min, r_max] and weights up to W the terms lie in [min(0, r_min W),
max(0, r_max W)].

See "A Generalization of Sampling Without Replacement From a Finite Universe" by Horvitz and Thompson (1952).
"""

from __future__ import annotations

from newsletter_bandit.off_policy.estimators import base
from newsletter_bandit.off_policy.estimators.moments import FloatArray


class Estimator(base.Estimator):
    """mean(w_i r_i)."""

    def terms(self, batch: base.LoggedBatch) -> FloatArray:
        """w_i r_i, [n]."""
        return batch.weights(self.weight_clip) * batch.reward

    def _bounds(self) -> tuple[float, float] | None:
        if self.reward_range is None:
            return None
        low, high = self.reward_range
        weight = self._largest_weight()
        return min(0.0, low * weight), max(0.0, high * weight)

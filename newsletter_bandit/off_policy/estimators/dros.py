"""Doubly robust with optimistic shrinkage: the weight w becomes lambda w / (w^2 + lambda).

    mean(sum_a pi_e(a | x) q(x, a) + lambda w / (w^2 + lambda) (r - q(x, a)))

The shrunk weight minimises a bound on the mean squared error; light weights stay as they are, and a weight
far above sqrt(lambda) counts as lambda / w. Lambda 0 gives the direct method, infinite lambda gives DR.

See "Doubly robust off-policy evaluation with shrinkage" by Su, Dimakopoulou, Krishnamurthy and Dudik
(https://arxiv.org/abs/1907.09623).
"""

from __future__ import annotations

import math

from newsletter_bandit.off_policy.estimators import base, dr
from newsletter_bandit.off_policy.estimators.moments import FloatArray

LAMBDA = 100.0


class Estimator(base.Estimator):
    """The estimator with shrinkage lambda; the module has the formula.

    Attributes:
      shrinkage: lambda, 0 or more.
    """

    shrinkage = LAMBDA

    def terms(self, batch: base.LoggedBatch) -> FloatArray:
        """e_i + lambda w_i / (w_i^2 + lambda) (r_i - q_i), [n]."""
        weights = batch.weights(self.weight_clip)
        if self.shrinkage <= 0.0:
            return batch.expected_reward
        # Divided by lambda, so that an infinite one leaves the weights as they are.
        return dr.corrected(batch, weights / (weights**2 / self.shrinkage + 1.0))

    def _bounds(self) -> tuple[float, float] | None:
        # The shrunk weight is largest, sqrt(lambda) / 2, at w = sqrt(lambda).
        weight = min(self._largest_weight(), math.sqrt(max(self.shrinkage, 0.0)) / 2.0)
        return dr.correction_bounds(self.reward_range, weight)

    def _made_alike(self) -> tuple[object, ...]:
        return (*super()._made_alike(), self.shrinkage)

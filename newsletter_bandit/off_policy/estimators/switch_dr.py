"""Switch-DR: doubly robust where the weight is at most tau, the reward model alone where it is above.

    mean(sum_a pi_e(a | x) q(x, a) + 1[w <= tau] w (r - q(x, a)))

Rows with heavy weights, which make up most of the variance, are left to the model. Tau 0 gives the direct
method, infinite tau gives DR.

See "Optimal and Adaptive Off-policy Evaluation in Contextual Bandits" by Wang, Agarwal and Dudik
(https://arxiv.org/abs/1612.01205).
"""

from __future__ import annotations

import numpy as np

from newsletter_bandit.off_policy.estimators import base, dr
from newsletter_bandit.off_policy.estimators.moments import FloatArray

# Ten times the weight of a row whose two policies agree.
TAU = 10.0


class Estimator(base.Estimator):
    """The estimator with the threshold tau; the module has the formula.

    Attributes:
      tau: largest weight that is used, 0 or more.
    """

    tau = TAU

    def terms(self, batch: base.LoggedBatch) -> FloatArray:
        """e_i + 1[w_i <= tau] w_i (r_i - q_i), [n]."""
        weights = batch.weights(self.weight_clip)
        return dr.corrected(batch, np.where(weights <= self.tau, weights, 0.0))

    def _bounds(self) -> tuple[float, float] | None:
        return dr.correction_bounds(self.reward_range, min(self._largest_weight(), self.tau))

    def _made_alike(self) -> tuple[object, ...]:
        return (*super()._made_alike(), self.tau)

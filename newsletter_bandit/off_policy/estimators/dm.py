"""Direct method: mean over rows of sum_a pi_e(a | x) q(x, a).

It has low variance, and is biased by whatever the reward model q gets wrong. The standard error covers only
the sampling of contexts, not that bias. There are no weights, so a weight clip changes nothing.

See "Doubly Robust Policy Evaluation and Optimization" by Dudik, Erhan, Langford and Li (2014), section 2.1.
"""

from __future__ import annotations

from newsletter_bandit.off_policy.estimators import base
from newsletter_bandit.off_policy.estimators.moments import FloatArray


class Estimator(base.Estimator):
    """mean(sum_a pi_e(a | x_i) q(x_i, a))."""

    def terms(self, batch: base.LoggedBatch) -> FloatArray:
        """sum_a pi_e(a | x_i) q(x_i, a), [n]."""
        return batch.expected_reward

    def _bounds(self) -> tuple[float, float] | None:
        return self.reward_range

"""Value of the policy that logged the rows: mean(r), on-policy, without weights or a model."""

from __future__ import annotations

from newsletter_bandit.off_policy.estimators import base
from newsletter_bandit.off_policy.estimators.moments import FloatArray


class Estimator(base.Estimator):
    """mean(r_i)."""

    def terms(self, batch: base.LoggedBatch) -> FloatArray:
        """r_i, [n]."""
        return batch.reward

    def _bounds(self) -> tuple[float, float] | None:
        return self.reward_range

"""Logged rows as a policy of a model sees them, from the outputs of its `evaluation` signature."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from newsletter_bandit.off_policy.estimators import LoggedBatch


def seen_by(
    estimates: npt.NDArray[np.float64],
    probabilities: npt.NDArray[np.float64],
    action: npt.NDArray[np.int64],
    reward: npt.NDArray[np.float64],
    propensity: npt.NDArray[np.float64],
    user: npt.NDArray[np.uint64] | None = None,
) -> LoggedBatch:
    """Logged rows as the estimators take them.

    A row whose recommender the model does not know has weight 0, as for any action that it does not choose.

    Args:
      estimates: [n, K], q(x, a).
      probabilities: [n, K], pi_e(a | x).
      action: [n], index of the logged recommender; -1 for an unknown one.
      reward: [n].
      propensity: [n], propensity of the logged recommender.
      user: [n], hash of the user; None where each row is a user of its own.
    """
    known = action >= 0
    index = (np.arange(len(action)), np.maximum(action, 0))
    return LoggedBatch(
        reward=reward,
        propensity=propensity,
        evaluation_probability=np.where(known, probabilities[index], 0.0),
        expected_reward=(probabilities * estimates).sum(axis=1),
        logged_estimate=np.where(known, estimates[index], 0.0),
        user=user,
    )

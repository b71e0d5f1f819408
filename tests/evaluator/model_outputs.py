"""Outputs of a model that treats every row alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

K = 3
EVEN = np.full(K, 1 / K)
Outputs = dict[str, npt.NDArray[Any]]


def model(action: npt.NDArray[np.int64], policy: list[float], estimates: list[float]) -> Outputs:
    """One policy and one set of estimates for every row; the default recommender is the first."""
    n = len(action)
    q = np.tile(np.array(estimates), (n, 1))
    return {
        "user_id": np.array([f"u{i}" for i in range(n)], dtype=object),
        "reward_estimates": q,
        "serving_probabilities": np.tile(np.array(policy), (n, 1)),
        "eval_probabilities": np.eye(K)[q.argmax(axis=1)],
        "logged_action": action,
        "logged_score": (q[np.arange(n), action] + 1.0) / 2.0,
        "default_action": np.zeros(n, dtype=np.int64),
        "best_score": q.max(axis=1),
        "eligible_recommenders": np.ones(q.shape, bool),
    }

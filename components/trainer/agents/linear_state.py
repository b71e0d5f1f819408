"""The state of TF-Agents' linear agents, of which the library keeps two parts private.

The library offers no way to set `theta`, from which the agent's policy chooses, nor to read its l2 back. This
module alone names them; `tests/trainer/test_linear_state.py` says of each what it is relied on for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tf_agents.bandits.agents import linear_bandit_agent

from components.trainer.agents.linear_sums import Sums


def write(agent: linear_bandit_agent.LinearBanditAgent, totals: Sums) -> None:
    """Gives the agent the state that training on the rows of ``totals`` leaves; `theta` is solved exactly."""
    for k in range(len(totals.a)):
        agent.cov_matrix[k].assign(totals.a[k])
        agent.data_vector[k].assign(totals.b[k])
        agent.num_samples[k].assign(totals.rows[k])
    ridge = totals.a + l2(agent) * np.eye(totals.a.shape[1])
    agent._theta.assign(np.linalg.solve(ridge, totals.b[..., None])[..., 0])


def theta(agent: linear_bandit_agent.LinearBanditAgent) -> NDArray[Any]:
    """Coefficients of each recommender, float64 [K, D]."""
    found: NDArray[Any] = agent._theta.numpy()
    return found


def l2(agent: linear_bandit_agent.LinearBanditAgent) -> float:
    """Weight of the ridge that the agent was made with."""
    return float(agent._tikhonov_weight)

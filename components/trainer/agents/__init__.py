"""The agents that the settings can choose; a new one is a module with `train` and a line here.

Each `train(task)` builds a TF-Agents agent, trains it from the logs and returns the `RewardModel` that is
exported; docs/agents.md shows how to add one.
"""

from __future__ import annotations

from collections.abc import Callable

from components.trainer.agents import (
    boltzmann,
    lin_ts,
    lin_ucb,
    neural_epsilon_greedy,
    neural_lin_ucb,
    recommender_features,
)
from components.trainer.agents.task import Log, Task
from components.trainer.reward_model import RewardModel

AGENTS: dict[str, Callable[[Task], RewardModel]] = {
    "neural_epsilon_greedy": neural_epsilon_greedy.train,
    "boltzmann": boltzmann.train,
    "recommender_features": recommender_features.train,
    "neural_lin_ucb": neural_lin_ucb.train,
    "lin_ucb": lin_ucb.train,
    "lin_ts": lin_ts.train,
}

__all__ = ["AGENTS", "Log", "Task"]

"""The agents that the settings can choose; a new one is a module with `train` and a line here.

Each `train(settings, data, log)` builds a TF-Agents agent, trains it from the logs, writes what it measured
through `log` and returns the `RewardModel` that is exported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from components.trainer.agents import lin_ucb, neural_epsilon_greedy
from components.trainer.data import TrainingData
from components.trainer.reward_model import RewardModel

# (name, value, step) of a figure for TensorBoard.
Log = Callable[[str, float, int], None]

AGENTS: dict[str, Callable[[Any, TrainingData, float, Log], RewardModel]] = {
    "neural_epsilon_greedy": neural_epsilon_greedy.train,
    "lin_ucb": lin_ucb.train,
}

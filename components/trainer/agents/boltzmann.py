"""TF-Agents' GreedyRewardPredictionAgent, served by a softmax of its estimates (Boltzmann exploration).

See "Reinforcement Learning: An Introduction" by Sutton and Barto, section 2.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import tensorflow as tf
from tf_agents.bandits.agents import greedy_reward_prediction_agent

from components.trainer.agents import network, specs
from components.trainer.agents.task import Task
from components.trainer.exploration import Distribution, softmax
from components.trainer.reward_model import RewardModel
from newsletter_bandit.settings.agents import Boltzmann


class _BoltzmannModel(network.NetworkModel):
    temperature: float

    def own_policy(self, features: Mapping[str, tf.Tensor], shift: tf.Tensor | float = 0.0) -> Distribution:
        return softmax(self.estimates(features) + shift, self.temperature)


def train(task: Task) -> RewardModel:
    """Trains as `neural_epsilon_greedy` does."""
    settings = cast(Boltzmann, task.use_case.agent)

    def agent(
        reward_network: network.ContextNetwork, of_network: Boltzmann
    ) -> greedy_reward_prediction_agent.GreedyRewardPredictionAgent:
        return greedy_reward_prediction_agent.GreedyRewardPredictionAgent(
            specs.time_step_spec(task.data),
            specs.action_spec(task.data),
            reward_network=reward_network,
            optimizer=network.optimizer(task, of_network),
            observation_and_action_constraint_splitter=specs.split_observation_and_mask,
        )

    model = _BoltzmannModel(network.train_networks(task, settings, agent, specs.as_trajectory), task.names)
    model.temperature = settings.temperature
    return model

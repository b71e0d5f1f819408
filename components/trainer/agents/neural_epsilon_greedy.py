"""TF-Agents' NeuralEpsilonGreedyAgent: one network estimates the reward of each recommender."""

from __future__ import annotations

from typing import cast

from tf_agents.bandits.agents import neural_epsilon_greedy_agent

from components.trainer.agents import network, specs
from components.trainer.agents.task import Task
from components.trainer.reward_model import RewardModel
from newsletter_bandit.settings.agents import NeuralEpsilonGreedy


def train(task: Task) -> RewardModel:
    """Trains by stochastic gradient descent on the squared error of the logged reward."""
    settings = cast(NeuralEpsilonGreedy, task.use_case.agent)

    def agent(
        reward_network: network.ContextNetwork, of_network: NeuralEpsilonGreedy
    ) -> neural_epsilon_greedy_agent.NeuralEpsilonGreedyAgent:
        return neural_epsilon_greedy_agent.NeuralEpsilonGreedyAgent(
            specs.time_step_spec(task.data),
            specs.action_spec(task.data),
            reward_network=reward_network,
            optimizer=network.optimizer(task, of_network),
            epsilon=task.use_case.exploration.epsilon,
            observation_and_action_constraint_splitter=specs.split_observation_and_mask,
        )

    trained = network.train_networks(task, settings, agent, specs.as_trajectory)
    return network.NetworkModel(trained, task.names)

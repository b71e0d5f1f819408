"""An agent of one's own, as docs/agents.md has it: settings, a `TFAgent` with its `TFPolicy`, and `train`.

It takes each recommender for as good as its mean reward, whoever the user is, and chooses in proportion to
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.agents import tf_agent
from tf_agents.policies import tf_policy
from tf_agents.trajectories import policy_step, time_step

from components.trainer.agents import network, specs
from components.trainer.agents.task import Task
from components.trainer.exploration import Distribution
from components.trainer.reward_model import RewardModel
from newsletter_bandit.settings.agents import Network


class Popular(Network):
    """Mean rewards, by which recommenders are chosen in proportion."""

    type: Literal["popular"]


class PopularPolicy(tf_policy.TFPolicy):
    def __init__(self, time_step_spec: Any, action_spec: Any) -> None:
        splitter = specs.split_observation_and_mask
        super().__init__(time_step_spec, action_spec, observation_and_action_constraint_splitter=splitter)
        arms = action_spec.maximum + 1
        self.rewards = tf.Variable(tf.zeros([arms], tf.float64), trainable=False)
        self.shown = tf.Variable(tf.zeros([arms], tf.float64), trainable=False)

    def means(self) -> tf.Tensor:
        return tf.math.divide_no_nan(self.rewards, self.shown)

    def _distribution(self, time_step: Any, policy_state: Any) -> policy_step.PolicyStep:
        _, mask = time_step.observation
        weights = tf.cast(mask, tf.float64) * self.means()
        probs = tf.math.divide_no_nan(weights, tf.reduce_sum(weights, axis=1, keepdims=True))
        return policy_step.PolicyStep(
            tfp.distributions.Categorical(probs=probs, dtype=tf.int32), policy_state
        )


class PopularAgent(tf_agent.TFAgent):
    def __init__(self, time_step_spec: Any, action_spec: Any) -> None:
        policy = PopularPolicy(time_step_spec, action_spec)
        super().__init__(time_step_spec, action_spec, policy, policy, train_sequence_length=None)

    def _train(self, experience: Any, weights: Any = None) -> tf_agent.LossInfo:
        action, reward = experience.action[:, 0], tf.cast(experience.reward[:, 0], tf.float64)
        arms = tf.one_hot(action, self.action_spec.maximum + 1, dtype=tf.float64)
        arms *= tf.cast(weights, tf.float64)[:, None]
        self.policy.shown.assign_add(tf.reduce_sum(arms, axis=0))
        self.policy.rewards.assign_add(tf.linalg.matvec(arms, reward, transpose_a=True))
        error = reward - tf.gather(self.policy.means(), action)
        return tf_agent.LossInfo(tf.reduce_mean(error**2), extra=())


class PopularModel(RewardModel):
    def __init__(self, policy: PopularPolicy) -> None:
        super().__init__(name="reward_model")
        self._policy = policy

    def estimates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        rows = tf.shape(next(iter(network.observation(features).values())))[0]
        return tf.tile(tf.cast(self._policy.means(), tf.float32)[None], [rows, 1])

    def own_policy(self, features: Mapping[str, tf.Tensor]) -> Distribution:
        user = network.observation(features)

        def distribution(left: tf.Tensor) -> tf.Tensor:
            step = time_step.restart((user, tf.cast(left, tf.int32)), batch_size=tf.shape(left)[:1])
            return self._policy.distribution(step).action.probs_parameter()

        return distribution


def train(task: Task) -> RewardModel:
    """Adds up rewards, batch by batch."""
    agent = PopularAgent(specs.time_step_spec(task.data), specs.action_spec(task.data))
    network.train(agent, task, cast(Popular, task.use_case.agent), specs.as_trajectory)
    return PopularModel(agent.policy)
